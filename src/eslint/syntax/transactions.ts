import type { Scope, SourceCode } from 'eslint';
import {
  callWithArgument,
  type CallNode,
  type FunctionNode,
  functionAround,
  isCall,
  type Node,
  parentOf,
  propertyName,
  unwrapped,
} from './nodes.ts';
import { lastName, type Origin, originOf, variableOf } from './origins.ts';

/** Methods and functions that run a function in a transaction, of Sluice and of the libraries that it binds. */
const beginners = new Set([
  'transaction',
  '$transaction',
  'transactional',
  'withTransaction',
  'withTransactionIsolation',
]);
/** Methods that call the function that they are given before they, or what they return, are done. */
const callers = new Set(
  'map forEach filter flatMap reduce reduceRight some every find findIndex sort from then catch finally'.split(' '),
);
/** Packages whose `transaction(fn)` has nothing to do with an ambient one. */
const foreign = new Set(['better-sqlite3', 'idb', 'dexie']);

/** The function around a node that runs as a transaction's body, if the file shows one. */
export function transactionAround(node: Node, code: SourceCode): FunctionNode | undefined {
  for (let around = functionAround(node); around !== undefined; around = functionAround(around)) {
    if (isTransactionBody(around, code)) return around;
    if (!runsAtOnce(around, code)) return undefined;
  }
  return undefined;
}

/** Whether a function is given to what begins a transaction, by itself or by its name, or is a decorated method. */
export function isTransactionBody(body: FunctionNode, code: SourceCode): boolean {
  const call = callWithArgument(body);
  if (call !== undefined && beginsTransaction(call, code)) return true;
  if (isDecorated(body, code)) return true;
  return namesOf(body, code).some(({ references }) =>
    references.some(({ identifier }) => {
      const given = callWithArgument(identifier as Node);
      return given !== undefined && beginsTransaction(given, code);
    }),
  );
}

/** Whether a call runs the function that it is given in a transaction. */
export function beginsTransaction(call: CallNode, code: SourceCode): boolean {
  if (call.type !== 'CallExpression' || isWithoutTransaction(call)) return false;
  const origin = originOf(call.callee, code);
  if (origin.module !== undefined && foreign.has(origin.module)) return false;
  const name = origin.path.at(-1);
  if (name === undefined) return false;
  if (beginners.has(name)) return !isOwnFunction(call.callee, code);
  if (name === 'begin') return origin.path.at(-2) === 'transaction';
  return name === 'execute' && followsTransaction(origin);
}

/** The transaction that a library gives its body, where a variable is that. Sluice's own bodies are given nothing. */
export function isLibraryTransaction(definition: Scope.Definition, code: SourceCode): boolean {
  if (definition.type !== 'Parameter') return false;
  const body = definition.node;
  const [parameter] = body.params;
  if (parameter?.type !== 'Identifier' || parameter !== (definition.name as Node)) return false;
  const call = callWithArgument(body);
  return call !== undefined && beginsTransaction(call, code);
}

/** Whether a function runs where it stands: at once, or before what it is given to is done. */
export function runsAtOnce(inner: FunctionNode, code: SourceCode): boolean {
  const parent = parentOf(inner);
  if (isCall(parent) && parent.callee === inner) return true;
  const call = callWithArgument(inner);
  if (call === undefined) return false;
  if (call.type === 'NewExpression') return call.callee.type === 'Identifier' && call.callee.name === 'Promise';
  const callee = unwrapped(call.callee);
  return callee.type === 'MemberExpression' && callers.has(propertyName(callee) ?? '') && !isOwnFunction(callee, code);
}

/** `transaction().setIsolationLevel(...).execute`: of Kysely. */
function followsTransaction({ path }: Origin): boolean {
  const at = path.indexOf('transaction');
  return at >= 0 && path[at + 1] === '()';
}

/** A scope that asks for no transaction. */
function isWithoutTransaction(call: CallNode): boolean {
  return call.arguments.some(
    (argument) =>
      argument.type === 'ObjectExpression' &&
      argument.properties.some(
        (property) =>
          property.type === 'Property' &&
          propertyName(property) === 'propagation' &&
          property.value.type === 'Literal' &&
          (property.value.value === 'NOT_SUPPORTED' || property.value.value === 'NEVER'),
      ),
  );
}

/** A function of the file with such a name, which may do anything. */
function isOwnFunction(callee: Node, code: SourceCode): boolean {
  return callee.type === 'Identifier' && variableOf(callee, code)?.defs[0]?.type === 'FunctionName';
}

/** `@Transactional()` on the method, or on its class. */
function isDecorated(body: FunctionNode, code: SourceCode): boolean {
  const method = parentOf(body);
  if (method?.type !== 'MethodDefinition' || method.kind !== 'method') return false;
  const owner = parentOf(parentOf(method) ?? method);
  return [...decoratorsOf(method), ...(owner === undefined ? [] : decoratorsOf(owner))].some(
    (decorator) => lastName(originOf(decorator, code)) === 'Transactional',
  );
}

function decoratorsOf(node: Node): readonly Node[] {
  const { decorators } = node as { readonly decorators?: readonly { readonly expression: Node }[] };
  return (decorators ?? []).map(({ expression }) => expression);
}

/** The variables that name a function: those of a declaration, and of a constant that it is the value of. */
function namesOf(body: FunctionNode, code: SourceCode): readonly Scope.Variable[] {
  const parent = parentOf(body);
  if (body.type === 'FunctionDeclaration') return code.getDeclaredVariables(body).slice(0, 1);
  if (parent?.type === 'VariableDeclarator' && parent.init === body) return code.getDeclaredVariables(parent);
  return [];
}
