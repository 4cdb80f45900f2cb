import type { SourceCode } from 'eslint';
import { isFunction, type Node, type NodeOf, nodesBelow, unwrapped } from './nodes.ts';
import { lastName, type Origin, originOf, variableOf } from './origins.ts';

/** Packages whose calls wait for something that is not the database. */
const packages: readonly RegExp[] = [
  /^(?:axios|got|ky|undici|node-fetch|cross-fetch|superagent|needle|ofetch|phin|bent)$/,
  /^(?:nodemailer|resend|postmark|mailgun\.js|twilio|stripe|openai)$/,
  /^(?:@sendgrid\/mail|@slack\/web-api|@anthropic-ai\/sdk)$/,
  /^@aws-sdk\/|^@google-cloud\//,
  /^(?:delay|node:timers\/promises|timers\/promises)$/,
];
const httpModules = /^(?:node:)?https?$/;
const sleepers = new Set(['sleep', 'delay']);

/** What the options of the rule add. */
export interface OtherWaits {
  readonly modules: readonly string[];
  readonly functions: readonly string[];
}

/** What a call waits for that is not the database, in words; undefined for another call. */
export function foreignWaitOf(call: Node, others: OtherWaits, code: SourceCode): string | undefined {
  if (call.type === 'NewExpression') return isTimerPromise(call, code) ? 'a timer' : undefined;
  if (call.type !== 'CallExpression') return undefined;
  const origin = originOf(call, code);
  const { module, global, path, type } = origin;
  const name = lastName(origin);
  if (global !== undefined) {
    if (global === 'fetch' && path.length === 2) return 'fetch()';
    if (global === 'globalThis' && path[1] === 'fetch') return 'fetch()';
  }
  if (module !== undefined && isForeign(module, others)) return module;
  if (module !== undefined && httpModules.test(module) && (name === 'request' || name === 'get')) return module;
  // Those of HttpService of NestJS.
  if (path.includes('axiosRef') && name !== 'axiosRef') return 'axios';
  if (type?.module === '@nestjs/axios' && type.name === 'HttpService') return '@nestjs/axios';
  if (name === 'sendMail') return 'sendMail()';
  if (name !== undefined && others.functions.includes(name)) return `${name}()`;
  return isSleep(call, origin, code) ? `${name ?? 'sleep'}()` : undefined;
}

function isForeign(module: string, { modules }: OtherWaits): boolean {
  return packages.some((each) => each.test(module)) || modules.includes(module);
}

/** `sleep(100)`: imported by that name, or a function of the file that returns the promise of a timer. */
function isSleep(call: NodeOf<'CallExpression'>, origin: Origin, code: SourceCode): boolean {
  const callee = unwrapped(call.callee);
  if (callee.type !== 'Identifier') return false;
  if (origin.module !== undefined && !origin.module.startsWith('sluice')) return sleepers.has(lastName(origin) ?? '');
  const definition = variableOf(callee, code)?.defs[0];
  const made = definition?.type === 'Variable' ? definition.node.init : definition?.node;
  if (made === null || made === undefined || !isFunction(made)) return false;
  return [...nodesBelow(made, code.visitorKeys)].some((each) => isTimerPromise(each, code));
}

/** `new Promise((resolve) => setTimeout(resolve, 100))` */
function isTimerPromise(node: Node, code: SourceCode): boolean {
  if (node.type !== 'NewExpression' || originOf(node.callee, code).global !== 'Promise') return false;
  const [executor] = node.arguments;
  if (executor === undefined || !isFunction(executor)) return false;
  return [...nodesBelow(executor.body, code.visitorKeys)].some((each) => {
    return each.type === 'CallExpression' && originOf(each.callee, code).global === 'setTimeout';
  });
}
