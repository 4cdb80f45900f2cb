// Reads the declaration files that TypeScript emits. Their layout is regular: each statement begins at the start of a line.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const reexport = /^export (?:type )?\{([\s\S]*)\}(?: from '([^']+)')?;$/;
const namedImport = /^import (?:type )?(?:(\w+)(?:, )?)?(?:\{([\s\S]*)\}|\* as (\w+))? from '([^']+)';$/;
const declaration =
  /^(export )?(?:declare )?(?:abstract )?(?:class|function|const|let|interface|type|namespace) ([\w$]+)/;

/**
 * @typedef {{ module: string, name: string }} Source where a name comes from: a file, or a package
 * @typedef {{
 *   declared: Map<string, string[]>,
 *   imported: Map<string, Source>,
 *   exported: Map<string, Source>,
 * }} DeclarationFile
 */

/** @returns {(file: string) => DeclarationFile} a reader that reads each file once */
export function declarationReader() {
  const read = new Map();
  return (file) => {
    if (!read.has(file)) read.set(file, parse(file));
    return read.get(file);
  };
}

/** @returns {DeclarationFile} */
function parse(file) {
  const found = { declared: new Map(), imported: new Map(), exported: new Map() };
  for (const statement of statementsOf(readFileSync(file, 'utf8'))) {
    // What is added to the types of a framework is exported by that.
    if (statement.startsWith("declare module '")) continue;
    if (!addReexport(statement, file, found) && !addImport(statement, file, found))
      addDeclaration(statement, file, found);
  }
  return found;
}

function addReexport(statement, file, { imported, exported }) {
  const [, byDefault] = /^export default ([\w$]+);$/.exec(statement) ?? [];
  if (byDefault !== undefined) {
    exported.set('default', { module: file, name: byDefault });
    return true;
  }
  const match = reexport.exec(statement);
  if (match === null) return false;
  const [, names = '', from] = match;
  for (const { name, as } of splitNames(names)) {
    if (from === undefined) exported.set(as, imported.get(name) ?? { module: file, name });
    else exported.set(as, { module: resolveModule(file, from), name });
  }
  return true;
}

function addImport(statement, file, { imported }) {
  const match = namedImport.exec(statement);
  if (match === null) return /^import '[^']+';$/.test(statement);
  const [, byDefault, names = '', namespace, from] = match;
  const module = resolveModule(file, from);
  if (byDefault !== undefined && byDefault !== 'type') imported.set(byDefault, { module, name: 'default' });
  if (namespace !== undefined) imported.set(namespace, { module, name: '*' });
  for (const { name, as } of splitNames(names)) imported.set(as, { module, name });
  return true;
}

function addDeclaration(statement, file, { declared, exported }) {
  const match = declaration.exec(statement);
  if (match === null) throw new Error(`${file} has a statement that the report of the API cannot read:\n${statement}`);
  const [, isExported, name] = match;
  declared.set(name, [...(declared.get(name) ?? []), statement]);
  if (isExported !== undefined) exported.set(name, { module: file, name });
}

/** `a, type B, c as d` as a list. */
function splitNames(text) {
  const names = text.split(',').map((name) => name.trim().replace(/^type /, ''));
  return names
    .filter((name) => name !== '')
    .map((each) => {
      const [name, as = name] = each.split(' as ');
      return { name, as };
    });
}

/** The statements of a file without its comments. */
function statementsOf(text) {
  const lines = withoutComments(text).split('\n');
  const statements = [];
  for (const line of lines.filter((each) => each.trim() !== '')) {
    if (/^[\s})\]]/.test(line)) statements.push(`${statements.pop()}\n${line.trimEnd()}`);
    else statements.push(line.trimEnd());
  }
  return statements;
}

function withoutComments(text) {
  return text.replaceAll(/('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/.*/g, '$1');
}

function resolveModule(file, specifier) {
  if (!specifier.startsWith('.')) return specifier;
  const target = join(dirname(file), specifier.replace(/\.(?:ts|js)$/, '.d.ts'));
  if (!existsSync(target)) throw new Error(`${file} names ${specifier}, which was not built`);
  return target;
}
