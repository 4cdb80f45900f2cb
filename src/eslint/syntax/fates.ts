import type { SourceCode } from 'eslint';
import { callWithArgument, type Node, parentOf, propertyName, wrapped } from './nodes.ts';
import { originOf } from './origins.ts';

/** What becomes of the promise of an expression: it is lost, or something looks at it. */
export type Fate = 'dropped' | 'used';

const chained = new Set(['then', 'catch', 'finally']);
const gatherers = new Set(['all', 'allSettled', 'any', 'race']);

/** What becomes of the value of a call. `void`, and a variable that is never read, drop it too. */
export function fateOf(node: Node, code: SourceCode): Fate {
  const value = wrapped(node);
  const parent = parentOf(value);
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- all others use it
  switch (parent?.type) {
    case 'ExpressionStatement':
      return 'dropped';
    case 'UnaryExpression':
      return parent.operator === 'void' ? 'dropped' : 'used';
    case 'LogicalExpression':
      return parent.right === value ? fateOf(parent, code) : 'used';
    case 'ConditionalExpression':
      return parent.test === value ? 'used' : fateOf(parent, code);
    case 'SequenceExpression':
      return parent.expressions.at(-1) === value ? fateOf(parent, code) : 'dropped';
    case 'VariableDeclarator':
      return isNeverRead(parent, code) ? 'dropped' : 'used';
    case 'ArrowFunctionExpression':
      return parent.body === value && callThatDrops(parent, code) !== undefined ? 'dropped' : 'used';
    case 'ArrayExpression':
      return gathererOf(parent, code) === undefined ? 'used' : fateOf(parent, code);
    case 'CallExpression': {
      const gatherer = gathererOf(value, code);
      return gatherer === undefined ? 'used' : fateOf(gatherer, code);
    }
    case 'MemberExpression': {
      const call = parentOf(wrapped(parent));
      const isChain = parent.object === value && chained.has(propertyName(parent) ?? '');
      return isChain && call?.type === 'CallExpression' ? fateOf(call, code) : 'used';
    }
    default:
      return 'used';
  }
}

/** The method that calls a function and loses its promises: `forEach`, or a `map` whose own value is dropped. */
export function callThatDrops(node: Node, code: SourceCode): 'forEach' | 'map' | undefined {
  const call = parentOf(wrapped(node));
  if (call?.type !== 'CallExpression' || call.callee.type !== 'MemberExpression') return undefined;
  if (call.arguments[0] !== wrapped(node)) return undefined;
  const name = propertyName(call.callee);
  if (name === 'forEach') return name;
  return name === 'map' && fateOf(call, code) === 'dropped' ? name : undefined;
}

/** The `Promise.all(...)` and the like that an expression is the argument of. */
function gathererOf(node: Node, code: SourceCode): Node | undefined {
  const call = callWithArgument(node);
  if (call?.type !== 'CallExpression') return undefined;
  const { global, path } = originOf(call.callee, code);
  return global === 'Promise' && gatherers.has(path[1] ?? '') ? call : undefined;
}

/** Whether something looks at the error of a promise whose value is dropped: `.catch(...)`, or `.then(..., ...)`. */
export function isCaught(node: Node): boolean {
  const parent = parentOf(wrapped(node));
  if (parent?.type !== 'MemberExpression' || parent.object !== wrapped(node)) return false;
  const call = parentOf(wrapped(parent));
  if (call?.type !== 'CallExpression') return false;
  const name = propertyName(parent);
  return name === 'catch' || (name === 'then' && call.arguments.length > 1) || isCaught(call);
}

function isNeverRead(declarator: Node, code: SourceCode): boolean {
  const variables = code.getDeclaredVariables(declarator);
  const isExported = parentOf(parentOf(declarator) ?? declarator)?.type === 'ExportNamedDeclaration';
  return (
    !isExported &&
    variables.length > 0 &&
    variables.every(({ references }) => references.every((each) => !each.isRead()))
  );
}
