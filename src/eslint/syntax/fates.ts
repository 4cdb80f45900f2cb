import type { SourceCode } from 'eslint';
import { type Node, parentOf, propertyName, wrapped } from './nodes.ts';

/** What becomes of the promise of an expression: it is lost, or something looks at it. */
export type Fate = 'dropped' | 'used';

const chained = new Set(['then', 'catch', 'finally']);

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
      return parent.body === value && isGivenToForEach(parent) ? 'dropped' : 'used';
    case 'MemberExpression': {
      const call = parentOf(wrapped(parent));
      const isChain = parent.object === value && chained.has(propertyName(parent) ?? '');
      return isChain && call?.type === 'CallExpression' ? fateOf(call, code) : 'used';
    }
    default:
      return 'used';
  }
}

/** `forEach` does not wait for what it calls. */
export function isGivenToForEach(node: Node): boolean {
  const call = parentOf(wrapped(node));
  if (call?.type !== 'CallExpression' || call.callee.type !== 'MemberExpression') return false;
  return propertyName(call.callee) === 'forEach' && call.arguments[0] === wrapped(node);
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
