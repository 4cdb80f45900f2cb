import type { Rule } from 'eslint';
import { fateOf, isGivenToForEach } from '../syntax/fates.ts';
import { functionAround, type Node, parentOf, wrapped } from '../syntax/nodes.ts';
import { isStatement } from '../syntax/statements.ts';
import { transactionAround } from '../syntax/transactions.ts';
import { defineRule } from './define-rule.ts';
import { awaiting } from './suggestions.ts';

/** A statement in a transaction's body that is not awaited. */
export const noFloatingStatements: Rule.RuleModule = defineRule('no-floating-statements', {
  description: 'disallow statements in a transaction that are not awaited',
  messages: {
    floating:
      'This statement is not awaited: its error is lost, and one that comes after the end of the transaction is refused. Await it, or return its promise.',
    forEach:
      'forEach() does not wait for this statement, which may come after the end of the transaction. Use for...of, or await Promise.all() of map().',
    await: 'Await it.',
  },
  hasSuggestions: true,
  create(context) {
    const code = context.sourceCode;
    const check = (node: Node): void => {
      const isForEach = isInForEach(node);
      if (!isForEach && fateOf(node, code) !== 'dropped') return;
      if (!isStatement(node, code) || transactionAround(node, code) === undefined) return;
      if (isForEach) context.report({ node, messageId: 'forEach' });
      else context.report({ node, messageId: 'floating', suggest: awaiting(node) });
    };
    return { CallExpression: check, TaggedTemplateExpression: check };
  },
});

/** Awaited in, or returned by, a function whose own promise is lost. */
function isInForEach(node: Node): boolean {
  const around = functionAround(node);
  if (around === undefined || !isGivenToForEach(around)) return false;
  const parent = parentOf(wrapped(node));
  return parent?.type === 'AwaitExpression' || parent?.type === 'ReturnStatement' || parent === around;
}
