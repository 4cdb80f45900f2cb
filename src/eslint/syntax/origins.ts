import type { Scope, SourceCode } from 'eslint';
import { type Node, type NodeOf, propertyName, unwrapped } from './nodes.ts';

/** Where a value comes from, as far as one file tells. */
export interface Origin {
  /** The module that it was imported from; of a global variable, of `this` and of others there is none. */
  readonly module?: string;
  /** The name of a global variable at its root. */
  readonly global?: string;
  /** The parameter of a function at its root. */
  readonly parameter?: Scope.Definition;
  /**
   * The way from the root: names of properties, `()` for a call and `new` for one with `new`. `new pg.Pool()` is `Pool`, `new` of the
   * module `pg`. A default export is the module itself.
   */
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
      return extended(follow(expression.object), propertyName(expression) ?? '?');
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
  return isModule && step === 'default' ? origin : { ...origin, path: [...origin.path, step] };
}

function originOfIdentifier(identifier: NodeOf<'Identifier'>, code: SourceCode, depth: number): Origin {
  const variable = variableOf(identifier, code);
  const definition = variable?.defs[0];
  if (definition === undefined) return { global: identifier.name, path: [identifier.name] };
  if (definition.type === 'Parameter') return { parameter: definition, path: [identifier.name] };
  if (definition.type === 'ImportBinding') return imported(definition);
  if (definition.type !== 'Variable' || !definition.node.init) return { path: [identifier.name] };
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
