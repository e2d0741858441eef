/** For which namespaces an object is there. */

/**
 * @param fallback of the mesh, for objects that say nothing.
 * @returns namespaces; null: all. `.` is the object's own, `~` is none.
 */
export function exportedTo(said: readonly string[] | undefined, namespace: string, fallback?: readonly string[]): readonly string[] | null {
  const exportTo = said === undefined || said.length === 0 ? fallback : said;
  if (exportTo === undefined || exportTo.length === 0 || exportTo.includes('*')) return null;
  return exportTo.filter((entry) => entry !== '~').map((entry) => (entry === '.' ? namespace : entry));
}
