import type { Rule, SourceCode } from 'eslint';
import type { Library } from '../syntax/libraries.ts';
import { type CallNode, functionAround, type Node, parentOf, unwrapped, wrapped } from '../syntax/nodes.ts';
import { variableNamed } from '../syntax/origins.ts';

/** Wraps a handle in what binds it, where the file has a `database`. Of MikroORM the ORM is awaited first. */
export function binding(
  call: CallNode,
  { binder, entry }: Library,
  code: SourceCode,
): Rule.SuggestionReportDescriptor[] | undefined {
  if (binder === undefined || (call.type === 'CallExpression' && parentOf(call)?.type === 'MemberExpression'))
    return undefined;
  const around = parentOf(wrapped(call));
  const handle = around?.type === 'AwaitExpression' ? around : call;
  if (parentOf(handle)?.type === 'MemberExpression' || variableNamed('database', call, code) === undefined)
    return undefined;
  return [
    {
      messageId: 'bind',
      data: { database: 'database' },
      *fix(fixer) {
        yield fixer.insertTextBefore(handle, `${binder}(`);
        yield fixer.insertTextAfter(handle, ', database)');
        const name = importOf(binder, entry, code);
        if (name !== undefined) yield fixer.insertTextBeforeRange([0, 0], name);
      },
    },
  ];
}

/** Awaits a statement that stands by itself, where the function around it may. */
export function awaiting(node: Node): Rule.SuggestionReportDescriptor[] | undefined {
  const around = functionAround(node);
  if (around !== undefined && !around.async) return undefined;
  const statement = parentOf(wrapped(node));
  if (statement?.type === 'UnaryExpression') {
    if (parentOf(statement)?.type !== 'ExpressionStatement') return undefined;
    const range: [number, number] = [startOf(statement), startOf(unwrapped(statement.argument))];
    return [{ messageId: 'await', fix: (fixer) => fixer.replaceTextRange(range, 'await ') }];
  }
  if (statement?.type !== 'ExpressionStatement') return undefined;
  return [{ messageId: 'await', fix: (fixer) => fixer.insertTextBefore(node, 'await ') }];
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

/** The import that the file lacks. */
function importOf(binder: string, entry: string, code: SourceCode): string | undefined {
  const isThere = code.ast.body.some(
    (statement) =>
      statement.type === 'ImportDeclaration' && statement.specifiers.some((each) => each.local.name === binder),
  );
  return isThere ? undefined : `import { ${binder} } from '${entry}';\n`;
}
