# The image of the agent: docker build -t nodeway:0.1.0 .
#
# It has Node.js, the compiled JavaScript, the two addons and the libraries that they load: no npm and no compiler. What is in it stands
# in /opt/nodeway/sbom.json (CycloneDX) and, for Debian's packages, in dpkg's own database.
#
# The container runs as root, because Kubernetes gives capabilities to no other user; the manifests take away those that the agent does
# not need. --timestamp of buildah and podman, or SOURCE_DATE_EPOCH of BuildKit, make two builds of the same packages the same image.
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${NODE_IMAGE} AS build
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
    bpftool ca-certificates clang-19 cmake g++ libbpf-dev libelf-dev libuv1-dev make pkg-config zlib1g-dev >/dev/null
WORKDIR /opt/nodeway
COPY package.json package-lock.json .npmrc ./
# Nothing of what is compiled here needs an install script.
RUN npm ci --ignore-scripts --loglevel=error
COPY CMakeLists.txt ./
COPY native native
COPY bpf bpf
RUN cmake -S . -B build -DCMAKE_BUILD_TYPE=Release --log-level=WARNING && cmake --build build --parallel --target transport datapath
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY console console
RUN tsc=node_modules/typescript/bin/tsc && node "$tsc" -p tsconfig.build.json && rm -f dist/.tsbuildinfo dist/*.tsbuildinfo \
 && node console/build.ts
# Without the number and the hour of the moment, so that the same packages have the same list.
RUN npm sbom --package-lock-only --omit=dev --sbom-format=cyclonedx \
  | node -e 'const { serialNumber, ...list } = JSON.parse(fs.readFileSync(0)); delete list.metadata.timestamp; console.log(JSON.stringify(list))' \
  > sbom.json
# What only a reader, a type checker or a debugger of the packages wants is a third of them. What the console is made of is in its script.
RUN npm prune --omit=dev --ignore-scripts --loglevel=error && rm -rf node_modules/preact node_modules/@dagrejs \
 && find node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' \) -delete \
 && rm -f node_modules/.package-lock.json && strip build/Release/*.node

FROM ${BASE_IMAGE}
RUN apt-get update -qq \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends libbpf1 libelf1 libstdc++6 zlib1g >/dev/null \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/lib/dpkg/*-old /var/log/*
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY LICENSE package.json /opt/nodeway/
COPY scripts/nodeway /opt/nodeway/scripts/nodeway
COPY --from=build /opt/nodeway/sbom.json /opt/nodeway/sbom.json
COPY --from=build /opt/nodeway/node_modules /opt/nodeway/node_modules
COPY --from=build /opt/nodeway/build/Release /opt/nodeway/build/Release
COPY --from=build /opt/nodeway/dist /opt/nodeway/dist
RUN ln -s /opt/nodeway/scripts/nodeway /usr/local/bin/nodeway && nodeway version
ENV NODE_ENV=production
LABEL org.opencontainers.image.title="Nodeway" \
      org.opencontainers.image.description="A service-mesh agent for each node: eBPF capture, one shared engine, Istio's resources" \
      org.opencontainers.image.licenses="Apache-2.0"
ENTRYPOINT ["nodeway"]
CMD ["agent"]
