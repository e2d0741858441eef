/** For which namespaces an object is there. */

/** @returns namespaces; null: all. `.` is the object's own, `~` is none. */
export function exportedTo(exportTo: readonly string[] | undefined, namespace: string): readonly string[] | null {
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes('*')) return null;
  return exportTo.filter((entry) => entry !== '~').map((entry) => (entry === '.' ? namespace : entry));
}
