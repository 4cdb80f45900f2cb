import type { Rule } from 'eslint';
import { fateOf } from '../syntax/fates.ts';
import type { Node } from '../syntax/nodes.ts';
import { transactionAround } from '../syntax/transactions.ts';
import { foreignWaitOf, type OtherWaits } from '../syntax/waits.ts';
import { defineRule, optionsOf } from './define-rule.ts';

const names = { type: 'array', items: { type: 'string' }, uniqueItems: true };

/** A wait for something else than the database, while a transaction holds its connection and its locks. */
export const noForeignWait: Rule.RuleModule = defineRule('no-foreign-wait', {
  description: 'disallow waiting for the network, mail and timers in a transaction',
  messages: {
    wait: 'The transaction holds its connection and its locks while it waits for {{what}}. Do this before it or after it, in an afterCommit() hook, or in a job.',
  },
  options: { modules: names, functions: names },
  create(context) {
    const code = context.sourceCode;
    const { modules = [], functions = [] } = optionsOf<OtherWaits>(context);
    const check = (node: Node): void => {
      const what = foreignWaitOf(node, { modules, functions }, code);
      if (what === undefined || fateOf(node, code) === 'dropped') return;
      if (transactionAround(node, code) === undefined || isContinued(node)) return;
      context.report({ node, messageId: 'wait', data: { what } });
    };
    return { CallExpression: check, NewExpression: check };

    /** Of `axios.create().get()` and `fetch().then()` one call is enough: the inner one waits, or nothing does. */
    function isContinued(node: Node): boolean {
      const { parent } = node as Rule.Node;
      if (parent?.type !== 'MemberExpression' || parent.object !== node || parent.parent.type !== 'CallExpression')
        return false;
      const outer = foreignWaitOf(parent.parent, { modules, functions }, code);
      return outer !== undefined && parent.parent.callee === parent;
    }
  },
});
