import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Place, type Proxy, findProgram } from './proxy.ts';

export const nginx: Proxy = {
  name: 'nginx',
  describes: 'nginx, one worker process',
  missing: () => (findProgram('nginx') === null ? 'nginx is not installed' : null),
  configure(place) {
    const file = join(place.directory, 'nginx.conf');
    writeFileSync(file, configuration(place));
    return [findProgram('nginx') ?? 'nginx', '-c', file, '-e', join(place.directory, 'error.log')];
  },
};

/** Of a root's master, workers would be another user's, who cannot write into the directory. */
const user = process.getuid?.() === 0 ? 'user root;' : '';
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

function configuration({ directory, port, upstreamPort }: Place): string {
  return `daemon off;
worker_processes 1;
${user}
pid ${directory}/nginx.pid;
error_log ${directory}/error.log warn;
worker_rlimit_nofile 20000;
events { worker_connections 18000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  ${TEMPORARY.map((name) => `${name}_temp_path ${directory}/${name};`).join(' ')}
  upstream first { server 127.0.0.1:${upstreamPort}; keepalive 512; keepalive_requests 1000000000; }
  upstream second { server 127.0.0.1:${upstreamPort}; keepalive 512; keepalive_requests 1000000000; }
  map $http_x_tenant $api { default ""; green second; blue first; }
  map $http_x_role $admin { default ""; root second; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Request-ID $request_id;
    proxy_max_temp_file_size 0;
    proxy_buffer_size 8k;
    proxy_buffers 8 32k;
    proxy_busy_buffers_size 64k;
    location /api { if ($api = "") { return 404; } proxy_pass http://$api; }
    location /admin { if ($admin = "") { return 404; } proxy_pass http://$admin; }
  }
}
`;
}
