import type { Rule } from 'eslint';
import { isBound, libraryMadeBy } from '../syntax/libraries.ts';
import type { CallNode } from '../syntax/nodes.ts';
import { defineRule } from './define-rule.ts';
import { binding } from './suggestions.ts';

/** A raw pool or client, or a library that is not bound: what it sends is no part of the ambient transaction. */
export const noUnbound: Rule.RuleModule = defineRule('no-unbound', {
  description: 'disallow raw pools, clients and libraries that do not follow the ambient transaction',
  messages: {
    unbound: 'What this handle of {{library}} sends is no part of the ambient transaction. {{remedy}}.',
    bind: 'Bind it to {{database}}.',
  },
  hasSuggestions: true,
  create(context) {
    const check = (call: CallNode): void => {
      const library = libraryMadeBy(call, context.sourceCode);
      if (library === undefined) return;
      const { name, binder, takers = [], remedy } = library;
      if (isBound(call, binder === undefined ? takers : [binder, ...takers], context.sourceCode)) return;
      const data = { library: name, remedy };
      context.report({ node: call, messageId: 'unbound', data, suggest: binding(call, library, context.sourceCode) });
    };
    return { NewExpression: check, CallExpression: check };
  },
});
