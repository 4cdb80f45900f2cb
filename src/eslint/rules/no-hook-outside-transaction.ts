import type { Rule, SourceCode } from 'eslint';
import { isOfSluice } from '../syntax/libraries.ts';
import {
  callWithArgument,
  type FunctionNode,
  functionAround,
  isCall,
  type Node,
  nodesBelow,
  unwrapped,
} from '../syntax/nodes.ts';
import { lastName, originOf } from '../syntax/origins.ts';
import { beginsTransaction, isTransactionBody, runsAtOnce, transactionAround } from '../syntax/transactions.ts';
import { defineRule, optionsOf } from './define-rule.ts';

const hooks = new Set(['beforeCommit', 'afterCommit', 'afterRollback', 'afterCompletion']);
/** Further methods of a handle. They are common names, so they count after `current` alone. */
const shortHooks = new Set(['commit', 'compensate']);

/** A hook that is registered where no transaction is open: it runs at once, or never. */
export const noHookOutsideTransaction: Rule.RuleModule = defineRule('no-hook-outside-transaction', {
  description: 'disallow hooks of transactions where none is open',
  messages: {
    outside:
      'No transaction is open here, so {{name}}() runs its function at once, or never. Register it in the body of the transaction that it is about.',
    strict:
      'The file does not show a transaction around {{name}}(). Register it in the body of the transaction that it is about.',
  },
  options: { strict: { type: 'boolean' } },
  create(context) {
    const code = context.sourceCode;
    const { strict = false } = optionsOf<{ strict: boolean }>(context);
    return {
      CallExpression(node) {
        const name = hookOf(node, code);
        if (name === undefined || transactionAround(node, code) !== undefined) return;
        const isOutside = isOutsideTransaction(node, code);
        if (isOutside) context.report({ node, messageId: 'outside', data: { name } });
        else if (strict && !isInHook(node, code)) context.report({ node, messageId: 'strict', data: { name } });
      },
    };
  },
});

/** The name of the hook that a call registers, if it registers one of Sluice. */
function hookOf(call: Node, code: SourceCode): string | undefined {
  if (call.type !== 'CallExpression') return undefined;
  const origin = originOf(call.callee, code);
  const name = lastName(origin);
  if (name === undefined || origin.path.at(-1) !== name) return undefined;
  const isOfHandle = isOfSluice(origin) || origin.path.at(-2) === 'current';
  if (shortHooks.has(name)) return isOfHandle ? name : undefined;
  if (!hooks.has(name)) return undefined;
  return isOfHandle || origin.module === 'sluice' ? name : undefined;
}

/** At the top of a module, in work that is detached, or in a function that begins a transaction around something else. */
function isOutsideTransaction(node: Node, code: SourceCode): boolean {
  let around: FunctionNode | undefined = functionAround(node);
  while (around !== undefined && runsAtOnce(around, code)) around = functionAround(around);
  if (around === undefined) return true;
  const call = callWithArgument(around);
  if (call !== undefined && lastName(originOf(call.callee, code)) === 'detached') return true;
  return beginsOneItself(around, code);
}

/** Whether a function begins a transaction in its own body, in no function inside of it. */
function beginsOneItself(body: FunctionNode, code: SourceCode): boolean {
  for (const node of nodesBelow(body.body, code.visitorKeys)) {
    if (node.type !== 'CallExpression' || functionAround(node) !== body) continue;
    const isGivenBody = node.arguments.some((each) => {
      const given = unwrapped(each);
      return (
        given.type === 'Identifier' || given.type === 'ArrowFunctionExpression' || given.type === 'FunctionExpression'
      );
    });
    if (isGivenBody && beginsTransaction(node, code)) return !isTransactionBody(body, code);
  }
  return false;
}

/** A hook may register others. */
function isInHook(node: Node, code: SourceCode): boolean {
  for (let around = functionAround(node); around !== undefined; around = functionAround(around)) {
    const call = callWithArgument(around);
    if (isCall(call) && hookOf(call, code) !== undefined) return true;
  }
  return false;
}
