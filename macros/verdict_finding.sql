{# One metric's verdict as words with its lift: `conversion is better (+4.6 %, from +1.2 % to +8.0 %)`. #}
{% macro verdict_finding(alias) -%}
    {{ alias }}.metric || ' ' || case coalesce({{ alias }}.verdict, 'not_evaluated')
        when 'better' then 'is better'
        when 'worse' then 'is worse'
        when 'not_worse' then 'is not worse than its margin allows'
        when 'different' then 'is different'
        when 'no_difference_found' then 'shows no clear difference'
        when 'too_early' then 'cannot be judged yet'
        else 'has no result'
    end || coalesce(
        ' (' || {{ causalops.percent_text(alias ~ '.lift') }}
        || coalesce(
            ', from ' || {{ causalops.percent_text(alias ~ '.lift_low') }}
            || ' to ' || {{ causalops.percent_text(alias ~ '.lift_high') }}, ''
        ) || ')', ''
    )
{%- endmacro %}

{# A fraction as a signed percentage with one decimal; NULL for NULL and for what no decimal can hold. #}
{% macro percent_text(column) -%}
    case when {{ column }} > 0 then '+' else '' end
    || cast(round({{ causalops.safe_cast('100 * ' ~ column, dbt.type_numeric()) }}, 1) + 0 as {{ dbt.type_string() }}) || ' %'
{%- endmacro %}
