import type { Scope, SourceCode } from 'eslint';
import { type Node, type NodeOf, parentOf, propertyName, unwrapped } from './nodes.ts';

/** Where a value comes from, as far as one file tells. */
export interface Origin {
  /** The module that it was imported from; of a global variable, of `this` and of others there is none. */
  readonly module?: string;
  /** The name of a global variable at its root. */
  readonly global?: string;
  /** The parameter of a function at its root. */
  readonly parameter?: Scope.Definition;
  /** The type that the file gives the value, or the one on whose property it is, where the origin is no module. */
  readonly type?: TypeOrigin;
  /**
   * The way from the root: names of properties, `()` for a call and `new` for one with `new`. `new pg.Pool()` is `Pool`, `new` of the
   * module `pg`. A default export is the module itself.
   */
  readonly path: readonly string[];
}

/** Where a type comes from, and the way from what has it. */
export interface TypeOrigin {
  readonly module: string;
  readonly name: string;
  readonly path: readonly string[];
}

const unknown: Origin = { path: [] };
/** A variable that is made of itself ends here. */
const deepest = 20;

/** Follows an expression through variables, properties, calls and imports to where it comes from. */
export function originOf(node: Node, code: SourceCode, depth = 0): Origin {
  if (depth > deepest) return unknown;
  const expression = unwrapped(node);
  const follow = (next: Node): Origin => originOf(next, code, depth + 1);
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- of all others the origin is unknown
  switch (expression.type) {
    case 'Identifier':
      return originOfIdentifier(expression, code, depth);
    case 'ThisExpression':
      return { path: ['this'] };
    case 'AwaitExpression':
      return follow(expression.argument);
    case 'MemberExpression':
      return (
        originOfField(expression, code, depth) ?? extended(follow(expression.object), propertyName(expression) ?? '?')
      );
    case 'CallExpression':
      return required(expression, code) ?? extended(follow(expression.callee), '()');
    case 'TaggedTemplateExpression':
      return extended(follow(expression.tag), '()');
    case 'NewExpression':
      return extended(follow(expression.callee), 'new');
    case 'ImportExpression':
      return expression.source.type === 'Literal' ? { module: String(expression.source.value), path: [] } : unknown;
    default:
      return unknown;
  }
}

/** The variable that an identifier means. Names of types are found too. */
export function variableOf(identifier: NodeOf<'Identifier'>, code: SourceCode): Scope.Variable | undefined {
  return variableNamed(identifier.name, identifier, code);
}

/** The variable that a name means at a place. */
export function variableNamed(name: string, place: Node, code: SourceCode): Scope.Variable | undefined {
  for (let scope: Scope.Scope | null = code.getScope(place); scope !== null; scope = scope.upper) {
    const variable = scope.set.get(name);
    if (variable !== undefined) return variable;
  }
  return undefined;
}

/** The last name on the way of an origin: `query` of `database.current.query()`. */
export function lastName({ path }: Origin): string | undefined {
  return path.findLast((step) => step !== '()' && step !== 'new');
}

function extended(origin: Origin, step: string): Origin {
  const isModule = origin.module !== undefined && origin.path.length === 0;
  if (isModule && step === 'default') return origin;
  const { type } = origin;
  return {
    ...origin,
    path: [...origin.path, step],
    ...(type === undefined ? {} : { type: { ...type, path: [...type.path, step] } }),
  };
}

function originOfIdentifier(identifier: NodeOf<'Identifier'>, code: SourceCode, depth: number): Origin {
  const variable = variableOf(identifier, code);
  const definition = variable?.defs[0];
  if (definition === undefined) return { global: identifier.name, path: [identifier.name] };
  if (definition.type === 'Parameter')
    return { parameter: definition, path: [identifier.name], ...typeOf(definition.name, code) };
  if (definition.type === 'ImportBinding') return imported(definition);
  if (definition.type !== 'Variable' || !definition.node.init)
    return { path: [identifier.name], ...typeOf(definition.name, code) };
  const made = originOf(definition.node.init, code, depth + 1);
  if (definition.node.id.type === 'Identifier')
    return made.path.length === 0 && !made.module ? { path: [identifier.name] } : made;
  return [...namesWithin(definition.node.id, identifier.name)].reduce(extended, made);
}

function imported(definition: Extract<Scope.Definition, { type: 'ImportBinding' }>): Origin {
  const root: Origin = { module: String(definition.parent.source.value), path: [] };
  if (definition.node.type !== 'ImportSpecifier') return root;
  const { imported: name } = definition.node;
  return extended(root, name.type === 'Identifier' ? name.name : String(name.value));
}

/** The way to a name within `{ a: { name } }`. */
function namesWithin(pattern: Node, name: string): readonly string[] {
  if (pattern.type !== 'ObjectPattern') return ['?'];
  for (const property of pattern.properties) {
    if (property.type !== 'Property') continue;
    const key = propertyName(property) ?? '?';
    const value = property.value.type === 'AssignmentPattern' ? property.value.left : property.value;
    if (value.type === 'Identifier' && value.name === name) return [key];
    if (value.type === 'ObjectPattern') {
      const rest = namesWithin(value, name);
      if (rest[0] !== '?') return [key, ...rest];
    }
  }
  return ['?'];
}

/** `require('pg')` is the module, where nothing else has that name. */
function required(call: NodeOf<'CallExpression'>, code: SourceCode): Origin | undefined {
  const [source] = call.arguments;
  if (call.callee.type !== 'Identifier' || call.callee.name !== 'require' || source?.type !== 'Literal')
    return undefined;
  const isOther = (variableOf(call.callee, code)?.defs.length ?? 0) > 0;
  return isOther ? undefined : { module: String(source.value), path: [] };
}

/** The field of a class behind `this.name`: what it is made with, or the type that it is declared with. */
function originOfField(node: NodeOf<'MemberExpression'>, code: SourceCode, depth: number): Origin | undefined {
  const name = propertyName(node);
  if (node.object.type !== 'ThisExpression' || name === undefined) return undefined;
  for (const member of classAround(node)?.body ?? []) {
    if (member.type === 'PropertyDefinition' && nameOfKey(member.key) === name) {
      const made = member.value ? originOf(member.value, code, depth + 1) : unknown;
      return made.module === undefined ? { path: ['this', name], ...typeOf(member, code) } : made;
    }
    const parameters = member.type === 'MethodDefinition' && member.kind === 'constructor' ? member.value.params : [];
    const field = parameters.map(parameterProperty).find((each) => each?.name === name);
    if (field !== undefined) return { path: ['this', name], ...typeOf(field, code) };
  }
  return undefined;
}

function classAround(node: Node): NodeOf<'ClassBody'> | undefined {
  for (let around = parentOf(node); around !== undefined; around = parentOf(around)) {
    if (around.type === 'ClassBody') return around;
  }
  return undefined;
}

function nameOfKey(key: Node): string | undefined {
  return key.type === 'Identifier' || key.type === 'PrivateIdentifier' ? key.name : undefined;
}

/** `private readonly repo: Repository<Sale>` of a constructor. */
function parameterProperty(parameter: Node): NodeOf<'Identifier'> | undefined {
  const { type, parameter: inner } = parameter as { readonly type: string; readonly parameter?: Node };
  if (type !== 'TSParameterProperty' || inner === undefined) return undefined;
  const named = inner.type === 'AssignmentPattern' ? inner.left : inner;
  return named.type === 'Identifier' ? named : undefined;
}

/** A type as the parsers of TypeScript have it. */
interface TypeNode {
  readonly typeName?: NameNode;
  readonly typeAnnotation?: TypeNode;
}
interface NameNode {
  readonly type: string;
  readonly left?: NameNode;
  readonly right?: { readonly name: string };
}

/** Where the type comes from that something is declared with; nothing without types. */
export function originOfType(declared: Node, code: SourceCode): Origin | undefined {
  const named = (declared.type === 'AssignmentPattern' ? declared.left : declared) as Node & TypeNode;
  const name = named.typeAnnotation?.typeAnnotation?.typeName;
  return name === undefined ? undefined : originOfName(name, code);
}

function originOfName(name: NameNode, code: SourceCode): Origin {
  if (name.type === 'Identifier') return originOf(name as NodeOf<'Identifier'>, code);
  if (name.left === undefined || name.right === undefined) return unknown;
  return extended(originOfName(name.left, code), name.right.name);
}

function typeOf(declared: Node, code: SourceCode): Pick<Origin, 'type'> {
  const { module, path } = originOfType(declared, code) ?? unknown;
  return module === undefined ? {} : { type: { module, name: path.join('.'), path: [] } };
}
