import type { Rule, SourceCode } from 'eslint';

/** A node of the tree, of those that ESTree has. Parsers of TypeScript add others, which are told by their `type`. */
export type Node = Parameters<SourceCode['getScope']>[0];
export type NodeOf<Type extends Node['type']> = Extract<Node, { type: Type }>;
export type FunctionNode = NodeOf<'ArrowFunctionExpression' | 'FunctionExpression' | 'FunctionDeclaration'>;
/** A call, with and without `new`. */
export type CallNode = NodeOf<'CallExpression' | 'NewExpression'>;

/** What stands around an expression without changing its value. */
const wrappers = new Set([
  'ChainExpression',
  'ParenthesizedExpression',
  'TSAsExpression',
  'TSNonNullExpression',
  'TSSatisfiesExpression',
  'TSTypeAssertion',
  'TSInstantiationExpression',
]);

export function parentOf(node: Node): Node | undefined {
  return (node as Rule.Node).parent ?? undefined;
}

/** The expression below its wrappers: `a.b` of `(a.b as Type)!`. */
export function unwrapped(node: Node): Node {
  return wrappers.has(node.type) && 'expression' in node ? unwrapped(node.expression as Node) : node;
}

/** The outermost wrapper of an expression, or itself. */
export function wrapped(node: Node): Node {
  const parent = parentOf(node);
  return parent !== undefined && wrappers.has(parent.type) ? wrapped(parent) : node;
}

export function isFunction(node: Node): node is FunctionNode {
  return ['ArrowFunctionExpression', 'FunctionExpression', 'FunctionDeclaration'].includes(node.type);
}

export function isCall(node: Node | undefined): node is CallNode {
  return node?.type === 'CallExpression' || node?.type === 'NewExpression';
}

/** The innermost function around a node. */
export function functionAround(node: Node): FunctionNode | undefined {
  for (let around = parentOf(node); around !== undefined; around = parentOf(around)) {
    if (isFunction(around)) return around;
  }
  return undefined;
}

/** The name of a property, where the text has it: of `a.b` and `a['b']`, `{ b: 1 }` and `{ 'b': 1 }`. */
export function propertyName(node: NodeOf<'MemberExpression' | 'Property'>): string | undefined {
  const key: Node = node.type === 'Property' ? node.key : node.property;
  if (!node.computed && (key.type === 'Identifier' || key.type === 'PrivateIdentifier')) return key.name;
  return key.type === 'Literal' && typeof key.value === 'string' ? key.value : undefined;
}

/** The call of which an expression is an argument, if it is one. */
export function callWithArgument(node: Node): CallNode | undefined {
  const outer = wrapped(node);
  const parent = parentOf(outer);
  return isCall(parent) && parent.callee !== outer ? parent : undefined;
}

/** All nodes of a tree, the root included, functions inside of it too. */
export function* nodesBelow(node: Node, keys: SourceCode.VisitorKeys): Generator<Node> {
  yield node;
  for (const key of keys[node.type] ?? []) {
    const child = (node as unknown as Record<string, Node | null | readonly (Node | null)[]>)[key];
    for (const each of Array.isArray(child) ? child : [child]) {
      if (each !== null && each !== undefined) yield* nodesBelow(each as Node, keys);
    }
  }
}
