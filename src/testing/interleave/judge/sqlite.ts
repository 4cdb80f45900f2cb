import { type ComparedEngine, gap } from './engine.ts';

const quoted = (name: string): string => `'"' || replace(${name}, '"', '""') || '"'`;
const isTable = `type = 'table' and name not like 'sqlite^_%' escape '^'`;

export const sqliteEngine: ComparedEngine = {
  names: `
    select 'table' as kind, name, ${quoted('name')} as text from sqlite_master where ${isTable}
    union all select 'sequence', name, ${quoted('name')} from sqlite_master where ${isTable} and sql like '%autoincrement%'
    union all select 'other', name, sql from sqlite_master where type = 'view'
    union all select 'other', tbl_name, sql from sqlite_master where type = 'trigger'
    union all select 'other', f."table", m.name from sqlite_master m join pragma_foreign_key_list(m.name) f
      where m.type = 'table' and (f.on_delete not in ('RESTRICT', 'NO ACTION') or f.on_update not in ('RESTRICT', 'NO ACTION'))`,
  columns: `
    select ${quoted('m.name')} as tableName, c.name as columnName,
      case when (c.pk = 1 and (select count(*) from pragma_table_info(m.name) p where p.pk > 0) = 1)
        or exists (select 1 from pragma_index_list(m.name) i where i."unique" = 1 and i.partial = 0
          and (select count(*) from pragma_index_info(i.name)) = 1
          and (select x.name from pragma_index_info(i.name) x) = c.name) then '1' else '0' end as isKey,
      ${quoted('f."table"')} as refTable, coalesce(f."to", 'id') as refColumn, c.type as type
    from (select * from sqlite_master where ${isTable}) m join pragma_table_xinfo(m.name) c on c.hidden in (0, 2, 3)
    left join pragma_foreign_key_list(m.name) f on f."from" = c.name and not exists (
      select 1 from pragma_foreign_key_list(m.name) g where g.id = f.id and g.seq > 0)
    order by m.name, c.cid`,
  asText: (name) => `case typeof(${name}) when 'blob' then hex(${name}) else cast(${name} as text) end`,
  advance: (ask, sequence) =>
    ask(
      `update sqlite_sequence set seq = seq + ${gap} where name = ${sequence.replaceAll("'", "''").replaceAll(/^"|"$/g, "'").replaceAll('""', '"')}`,
    ),
};
