import type { Rule, SourceCode } from 'eslint';
import { callThatDrops, fateOf, isCaught } from '../syntax/fates.ts';
import { functionAround, type Node, parentOf, wrapped } from '../syntax/nodes.ts';
import { isStatement } from '../syntax/statements.ts';
import { beginsTransaction, transactionAround } from '../syntax/transactions.ts';
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
    map: 'Nothing waits for the promises of this map(), so this statement may come after the end of the transaction. Await Promise.all() of it, or use for...of.',
    transaction:
      'This transaction is not awaited: its error is lost, and nothing waits for its end. Await it, or return its promise.',
    await: 'Await it.',
  },
  hasSuggestions: true,
  create(context) {
    const code = context.sourceCode;
    const check = (node: Node): void => {
      const dropper = dropperOf(node, code);
      if (dropper === undefined && fateOf(node, code) !== 'dropped') return;
      if (!isStatement(node, code)) return;
      if (transactionAround(node, code) === undefined) {
        const isLost = node.type === 'CallExpression' && beginsTransaction(node, code) && !isCaught(node);
        if (isLost && dropper === undefined)
          context.report({ node, messageId: 'transaction', suggest: awaiting(node) });
      } else if (dropper === undefined) context.report({ node, messageId: 'floating', suggest: awaiting(node) });
      else context.report({ node, messageId: dropper });
    };
    return { CallExpression: check, TaggedTemplateExpression: check };
  },
});

/** What loses the promise of the function in which a statement is awaited, or by which it is returned. */
function dropperOf(node: Node, code: SourceCode): 'forEach' | 'map' | undefined {
  const around = functionAround(node);
  if (around === undefined) return undefined;
  const parent = parentOf(wrapped(node));
  const isItsOwn = parent?.type === 'AwaitExpression' || parent?.type === 'ReturnStatement' || parent === around;
  return isItsOwn ? callThatDrops(around, code) : undefined;
}
