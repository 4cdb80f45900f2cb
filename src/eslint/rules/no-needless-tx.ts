import type { Rule, Scope } from 'eslint';
import { callWithArgument, type FunctionNode, type Node, parentOf, unwrapped, wrapped } from '../syntax/nodes.ts';
import { lastName, originOf } from '../syntax/origins.ts';
import { isLibraryTransaction, isTransactionBody } from '../syntax/transactions.ts';
import { transactionTypeOf } from '../syntax/transaction-types.ts';
import { defineRule, optionsOf } from './define-rule.ts';

const containers = new Set(['Property', 'ObjectExpression', 'ArrayExpression', 'SpreadElement']);

/** A library's transaction that is handed around, where each handle that is bound means the ambient one. */
export const noNeedlessTx: Rule.RuleModule = defineRule('no-needless-tx', {
  description: "disallow handing a library's transaction around where ambient transactions do it",
  messages: {
    passed: '{{name}} need not be handed around: each bound handle follows the ambient transaction.',
    parameter:
      'A parameter of the type {{type}} is not needed: each bound handle follows the ambient transaction. Use the handle itself.',
    used: '{{name}} is not needed: the bound handle follows the ambient transaction in here.',
  },
  options: { used: { type: 'boolean' } },
  create(context) {
    const code = context.sourceCode;
    const { used = false } = optionsOf<{ used: boolean }>(context);
    const check = (node: Node): void => {
      const body = node as FunctionNode;
      const isBody = isTransactionBody(body, code);
      for (const variable of code.getDeclaredVariables(body)) {
        const [definition] = variable.defs;
        if (definition !== undefined && isLibraryTransaction(definition, code)) reportUses(variable);
      }
      if (isBody || isConstructor(body)) return;
      for (const parameter of body.params) {
        const type = transactionTypeOf(parameter, code);
        if (type !== undefined) context.report({ node: parameter, messageId: 'parameter', data: { type } });
      }
    };
    return { FunctionDeclaration: check, FunctionExpression: check, ArrowFunctionExpression: check };

    function reportUses({ name, references }: Scope.Variable): void {
      for (const { identifier } of references) {
        if (isPassed(identifier as Node)) {
          context.report({ node: identifier, messageId: 'passed', data: { name } });
        } else if (used) {
          context.report({ node: identifier, messageId: 'used', data: { name } });
        }
      }
    }

    /** Given to a function, by itself or within an object; what Kysely's `sql` is executed by has to be given. */
    function isPassed(identifier: Node): boolean {
      let given = wrapped(identifier);
      for (
        let parent = parentOf(given);
        parent !== undefined && containers.has(parent.type);
        parent = parentOf(given)
      ) {
        given = wrapped(parent);
      }
      const call = callWithArgument(given);
      if (call === undefined) return false;
      const callee = originOf(unwrapped(call.callee), code);
      return !(callee.module === 'kysely' && lastName(callee) === 'execute');
    }
  },
});

function isConstructor(body: FunctionNode): boolean {
  const parent = parentOf(body);
  return parent?.type === 'MethodDefinition' && parent.kind === 'constructor';
}
