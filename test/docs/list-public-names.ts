// Prints what the entry points of a folder export, as JSON: `node list-public-names.ts <tsconfig> <folder>`.
import { join, relative } from 'node:path';
import { type Node, SyntaxKind } from 'typescript/unstable/ast';
import { API, type Checker, type Project, type Symbol, SymbolFlags, type Type } from 'typescript/unstable/sync';
import { examplesOf } from './markdown.ts';
import { entryPoints, type PublicName } from './public-api.ts';

function publicNamesOf(config: string, folder: string): PublicName[] {
  const api = new API({ cwd: folder });
  try {
    const [project] = api.updateSnapshot({ openProjects: [join(folder, config)] }).getProjects();
    if (project === undefined) throw new Error(`${config} is no project`);
    const walk = new Walk(project, folder);
    for (const [entry, file] of entryPoints(folder)) walk.entry(entry, join(folder, file));
    return [...walk.found.values()];
  } finally {
    api.close();
  }
}

/** As it is written, since compilers take an `@` in a block for a tag. */
function leadingComment(node: Node): string {
  const statement = node.kind === SyntaxKind.VariableDeclaration ? node.parent.parent : node;
  const text = statement.getSourceFile().text.slice(statement.pos, statement.getStart());
  return text.replaceAll(/^[ \t]*\*(?:\/| ?)/gm, '');
}

class Walk {
  readonly found: Map<string, PublicName> = new Map();
  readonly #project: Project;
  readonly #checker: Checker;
  readonly #folder: string;

  constructor(project: Project, folder: string) {
    this.#project = project;
    this.#checker = project.checker;
    this.#folder = folder;
  }

  entry(name: string, file: string): void {
    const source = this.#project.program.getSourceFile(file);
    const module = source && this.#checker.getSymbolAtLocation(source);
    if (module === undefined) throw new Error(`${file} is no module`);
    for (const exported of this.#checker.getExportsOfModule(module)) this.#exported(`${name}: `, exported);
  }

  #exported(prefix: string, exported: Symbol): void {
    const symbol = exported.flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(exported) : exported;
    const name = prefix + exported.name;
    if (!this.#add(name, symbol)) return;
    if (symbol.flags & (SymbolFlags.Class | SymbolFlags.Interface | SymbolFlags.TypeAlias))
      this.#members(name, this.#checker.getDeclaredTypeOfSymbol(symbol));
    // The static side of a class, the properties of a constant object.
    const value = symbol.flags & SymbolFlags.Value ? this.#checker.getTypeOfSymbol(symbol) : undefined;
    if (value !== undefined) this.#members(name, value);
  }

  /** The properties of a type that are declared here; those of a union's parts too. */
  #members(name: string, type: Type): void {
    if (type.isUnionType()) for (const part of type.getTypes()) this.#members(name, part);
    else if (type.isObjectType() || type.isIntersectionType())
      for (const property of this.#checker.getPropertiesOfType(type)) this.#property(name, property);
  }

  #property(owner: string, property: Symbol): void {
    if (/^__#|^prototype$/.test(property.escapedName)) return;
    const name = `${owner}.${property.name}`;
    if (!this.#add(name, property)) return;
    const type = this.#checker.getTypeOfSymbol(property);
    if (type !== undefined) this.#literals(name, type);
  }

  /** What is written as `{ ... }` in the type of a property belongs to the property. */
  #literals(name: string, type: Type): void {
    if (type.isUnionType()) for (const part of type.getTypes()) this.#literals(name, part);
    else if (type.isObjectType() && type.getSymbol()?.name === '__type' && type.getAliasSymbol() === undefined)
      this.#members(name, type);
  }

  /** @returns whether it is declared here and is new */
  #add(name: string, symbol: Symbol): boolean {
    const [declaration] = symbol.declarations;
    const node = declaration?.resolve(this.#project);
    if (node === undefined) return false;
    const source = node.getSourceFile();
    const file = relative(this.#folder, source.fileName);
    if (!file.startsWith('src/')) return false;
    const key = `${file}:${node.pos}`;
    if (this.found.has(key)) return false;
    const comment = symbol.getDocumentationComment(this.#checker);
    const at = `${file}:${source.text.slice(0, node.getStart()).split('\n').length}`;
    const declarations = symbol.declarations.map((each) => each.resolve(this.#project) ?? node);
    const examples = [...new Set(declarations)].flatMap((each) => examplesOf(leadingComment(each)));
    const [entry = '', path = ''] = name.split(': ');
    const exported = path.includes('.') ? undefined : path;
    this.found.set(key, { name, entry, exported, at, comment, examples });
    return true;
  }
}

const [config = '', folder = ''] = process.argv.slice(2);
process.stdout.write(JSON.stringify(publicNamesOf(config, folder)));
