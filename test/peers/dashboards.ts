/** Expressions of a dashboard of Grafana, with values in the place of its variables. */

const TIMES = /\$\{?(__rate_interval|__interval|__range|interval)\}?/g;
/** A choice of everything. */
const ANYTHING = '.*';

/** @param service by its full name, of the dashboards that are about one. */
export function dashboardExpressions(text: string, service: string): string[] {
  const found = new Set<string>();
  collect(JSON.parse(text), found);
  return [...found].map((expression) => withoutVariables(expression, service));
}

function collect(value: unknown, found: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'expr' && typeof inner === 'string') found.add(inner);
    else collect(inner, found);
  }
}

function withoutVariables(expression: string, service: string): string {
  return expression
    .replace(TIMES, '5m')
    .replace(/\$\{?service\}?/g, service)
    .replace(/\$\{?qrep\}?/g, 'source|destination')
    .replace(/\$\{?\w+(:\w+)?\}?/g, ANYTHING);
}
