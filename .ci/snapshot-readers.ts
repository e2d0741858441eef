/**
 * Every field that the compiler hands to the workers has a reader among them: a property of a type of src/l7/snapshot.ts or
 * src/l7/config that nobody in src/l7 reads is compiled, compared and sent for nothing, or a rule that is not kept. Prints those without one.
 */
import ts from 'typescript';

const CONFIG = /\/(src\/l7\/(?:snapshot\.ts|config\/.*))$/u;
/** The whole, which the control thread takes apart into deltas, and the table of kinds, which is walked by key. */
const WHOLE: ReadonlySet<string> = new Set(['Snapshot', 'SnapshotRecords']);

const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path));
const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, '.');
const program = ts.createProgram(fileNames, { ...options, noEmit: true, incremental: false });
const checker = program.getTypeChecker();
const declaring = program.getSourceFiles().filter(({ fileName }) => CONFIG.test(fileName));

const fields = new Map(declaring.flatMap((source) => [...declaredFields(source)]));
const read = new Set<ts.Node>();
for (const source of program.getSourceFiles()) {
  if (!declaring.includes(source) && source.fileName.includes('/src/l7/')) markReads(source);
}
const unread = [...fields].filter(([declaration]) => !read.has(declaration));
for (const [declaration, name] of unread) {
  console.log(`${CONFIG.exec(declaration.getSourceFile().fileName)?.[1]}: ${name} is read nowhere in src/l7`);
}
console.log(`${fields.size} fields, ${unread.length} without a reader`);
process.exitCode = unread.length === 0 && fields.size > 0 ? 0 : 1;

function declaredFields(source: ts.SourceFile): Map<ts.Node, string> {
  const found = new Map<ts.Node, string>();
  const visit = (node: ts.Node, owner: string): void => {
    const named = ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
    const within = named ? node.name.text : owner;
    if (ts.isPropertySignature(node) && within !== '' && !WHOLE.has(within)) found.set(node, `${within}.${node.name.getText(source)}`);
    ts.forEachChild(node, (child) => visit(child, within));
  };
  visit(source, '');
  return found;
}

function markReads(source: ts.SourceFile): void {
  const visit = (node: ts.Node): void => {
    if (ts.isPropertyAccessExpression(node)) mark(checker.getSymbolAtLocation(node.name));
    if (ts.isElementAccessExpression(node)) markKeys(checker.getTypeAtLocation(node.expression), node.argumentExpression);
    if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) markBinding(node, node.parent);
    ts.forEachChild(node, visit);
  };
  visit(source);
}

function markBinding(element: ts.BindingElement, pattern: ts.ObjectBindingPattern): void {
  const name = element.propertyName ?? element.name;
  if (ts.isIdentifier(name) && element.dotDotDotToken === undefined) mark(checker.getTypeAtLocation(pattern).getProperty(name.text));
}

/** `record[key]`, where the key's type says which properties it can be. */
function markKeys(type: ts.Type, argument: ts.Expression): void {
  const keys = checker.getBaseConstraintOfType(checker.getTypeAtLocation(argument)) ?? checker.getTypeAtLocation(argument);
  for (const key of keys.isUnion() ? keys.types : [keys]) {
    if (key.isStringLiteral()) mark(checker.getPropertyOfType(checker.getApparentType(type), key.value));
  }
}

function mark(symbol: ts.Symbol | undefined): void {
  if (symbol === undefined) return;
  for (const declaration of symbol.declarations ?? []) read.add(declaration);
  // A property of a union has a symbol of its own, made of those of its members.
  for (const part of checker.getRootSymbols(symbol)) {
    if (part !== symbol) mark(part);
  }
}
