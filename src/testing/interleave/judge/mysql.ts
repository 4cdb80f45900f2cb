import { type ComparedEngine, gap } from './engine.ts';

const binary = /^(?:binary|varbinary|tinyblob|blob|mediumblob|longblob|bit|geometry|point|linestring|polygon)$/i;

export const mysqlEngine: ComparedEngine = {
  names: `
    select 'table' as kind, table_name as name, concat('\`', replace(table_name, '\`', '\`\`'), '\`') as text
      from information_schema.tables where table_schema = database() and table_type in ('BASE TABLE', 'SYSTEM VERSIONED')
    union all select 'sequence', table_name, concat('\`', replace(table_name, '\`', '\`\`'), '\`')
      from information_schema.columns where table_schema = database() and extra like '%auto_increment%'
    union all select 'other', table_name, view_definition from information_schema.views where table_schema = database()
    union all select 'other', routine_name, routine_definition
      from information_schema.routines where routine_schema = database()
    union all select 'other', event_object_table, action_statement
      from information_schema.triggers where trigger_schema = database()
    union all select 'other', referenced_table_name, table_name from information_schema.referential_constraints
      where constraint_schema = database()
        and (delete_rule not in ('RESTRICT', 'NO ACTION') or update_rule not in ('RESTRICT', 'NO ACTION'))`,
  columns: `
    select concat('\`', replace(c.table_name, '\`', '\`\`'), '\`') as tableName, c.column_name as columnName,
      case when exists (select 1 from information_schema.statistics s where s.table_schema = database()
        and s.table_name = c.table_name and s.non_unique = 0
        group by s.index_name having count(*) = 1 and max(s.column_name) = c.column_name) then '1' else '0' end as isKey,
      concat('\`', replace(k.referenced_table_name, '\`', '\`\`'), '\`') as refTable, k.referenced_column_name as refColumn,
      c.data_type as type
    from information_schema.columns c left join information_schema.key_column_usage k
      on k.table_schema = c.table_schema and k.table_name = c.table_name and k.column_name = c.column_name
      and k.referenced_table_name is not null and not exists (
        select 1 from information_schema.key_column_usage m where m.constraint_schema = k.constraint_schema
        and m.constraint_name = k.constraint_name and m.table_name = k.table_name and m.ordinal_position > 1)
    where c.table_schema = database() order by c.table_name, c.ordinal_position`,
  asText: (quoted, type) => (binary.test(type) ? `hex(${quoted})` : `cast(${quoted} as char)`),
  async advance(ask, sequence) {
    // MySQL answers with a number that is up to a day old unless told otherwise; MariaDB takes the rest for a comment.
    await ask('set @sluice_interleave = 1 /*!80000 , session information_schema_stats_expiry = 0 */');
    const [row] = await ask(
      `select cast(auto_increment as char) as next from information_schema.tables
        where table_schema = database() and table_name = '${bare(sequence).replaceAll("'", "''")}'`,
    );
    const next = Number(row?.['next']);
    if (Number.isSafeInteger(next)) await ask(`alter table ${sequence} auto_increment = ${next + gap}`);
  },
};

function bare(quoted: string): string {
  return quoted.slice(1, -1).replaceAll('``', '`');
}
