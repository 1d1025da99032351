{# Logs, after a run that built a causalops model, which experiments have a newer spec than their results.
   It reads two small tables if they exist and changes nothing. #}
{% macro run_summary() -%}
    {%- if not execute or flags.WHICH not in ('run', 'build') or flags.EMPTY -%}{{ return('') }}{%- endif -%}
    {%- set ours = [] -%}
    {%- for result in results if result.node.package_name == 'causalops' and result.node.resource_type == 'model' -%}
        {%- do ours.append(result.status | string) -%}
    {%- endfor -%}
    {%- if not ours or 'error' in ours -%}{{ return('') }}{%- endif -%}
    {%- set relations = [] -%}
    {%- for name in ['registry', 'experiment_versions'] -%}
        {%- set node = graph.nodes['model.causalops.' ~ name] -%}
        {%- if node -%}
            {%- do relations.append(adapter.get_relation(node.database, node.schema, node.alias)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if relations | length == 2 and none not in relations -%}
        {%- for row in run_query(causalops.spec_states(relations[0], relations[1])).rows -%}
            {%- do log('causalops: ' ~ row[1] ~ ' experiment(s) ' ~ row[0] ~ ': ' ~ row[2], info=true) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro spec_states(registry, versions) -%}
    select state, count(*) as n_experiments, {{ dbt.listagg('experiment_id', "', '", 'order by experiment_id') }} as names
    from (
        select
            registry.experiment_id,
            case
                when registry.spec_status = 'invalid' then 'with an invalid spec, see experiment_catalog'
                when registry.status not in ('running', 'stopped') then null
                when latest.analysis_hash is null then 'without results yet'
                when latest.analysis_hash <> registry.analysis_hash then 'whose spec is newer than the results'
            end as state
        from {{ registry }} as registry
        left join (
            select
                experiment_id, analysis_hash,
                row_number() over (partition by experiment_id order by as_of_date desc, version desc) as recency
            from {{ versions }}
        ) as latest on latest.experiment_id = registry.experiment_id and latest.recency = 1
        where registry.row_kind = 'experiment'
    ) as states
    where state is not null
    group by state
    order by state
{%- endmacro %}
