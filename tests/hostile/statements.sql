-- One statement a line. `t` is wind_turbine with 120 000 rows; every time is different, active_power is always 1.

-- Joins that explode: cross, nested loops, equal keys, nothing found.
SELECT count(*) FROM t a, t b, t c
SELECT count(*) FROM t a CROSS JOIN t b CROSS JOIN t c
SELECT sum(a.active_power * b.active_power) FROM t a, t b
SELECT count(*) FROM t a JOIN t b ON a.active_power = b.active_power
SELECT count(*) FROM t a JOIN t b ON a.active_power = b.active_power WHERE a.wind_speed + b.wind_speed < -1
SELECT count(*) FROM t a JOIN t b ON a.active_power = b.active_power AND a.wind_speed > b.wind_speed + 1000000000
SELECT count(*) FROM t a JOIN t b ON a.wind_speed < b.wind_speed - 1000000000
SELECT count(*) FROM t a JOIN t b ON a.wind_speed + b.wind_speed = -5
SELECT count(*) FROM t a LEFT JOIN t b ON a.wind_speed + b.wind_speed = -5
SELECT count(*) FROM t a RIGHT JOIN t b ON a.wind_speed + b.wind_speed = -5
SELECT count(*) FROM t a FULL JOIN t b ON a.wind_speed + b.wind_speed = -5
SELECT count(*) FROM t a LEFT JOIN t b ON a.active_power = b.active_power
SELECT count(*) FROM t a FULL JOIN t b ON a.active_power = b.active_power
SELECT count(*) FROM t a WHERE EXISTS (SELECT 1 FROM t b WHERE a.active_power = b.active_power)
SELECT count(*) FROM t a WHERE EXISTS (SELECT 1 FROM t b WHERE a.active_power = b.active_power AND a.wind_speed + b.wind_speed < -1)
SELECT count(*) FROM t a WHERE NOT EXISTS (SELECT 1 FROM t b WHERE a.active_power = b.active_power AND a.wind_speed + b.wind_speed < -1)
SELECT count(*) FROM t a WHERE NOT EXISTS (SELECT 1 FROM t b WHERE a.active_power = b.active_power)
SELECT count(*) FROM t a WHERE a.active_power IN (SELECT active_power FROM t)
SELECT count(*) FROM t a WHERE a.active_power NOT IN (SELECT active_power FROM t)
SELECT count(*) FROM t a WHERE a.active_power NOT IN (SELECT active_power FROM t b WHERE b.wind_speed > a.wind_speed)
SELECT count(*) FROM t a LEFT SEMI JOIN t b ON a.active_power = b.active_power
SELECT count(*) FROM t a RIGHT ANTI JOIN t b ON a.active_power = b.active_power AND a.wind_speed > b.wind_speed + 1e9
SELECT a.time, (SELECT count(*) FROM t b WHERE b.wind_speed < a.wind_speed) FROM t a
SELECT a.time, (SELECT max(b.time) FROM t b WHERE b.time < a.time) FROM t a
SELECT count(*) FROM t a, LATERAL (SELECT b.time FROM t b WHERE b.wind_speed < a.wind_speed) c
SELECT count(DISTINCT a.wind_speed + b.wind_speed) FROM t a, t b
SELECT a.time, b.time FROM t a, t b ORDER BY a.wind_speed * b.wind_speed
SELECT a.time, b.time FROM t a, t b ORDER BY a.wind_speed * b.wind_speed LIMIT 5
SELECT DISTINCT a.time, b.time FROM t a, t b
SELECT a.time FROM t a, t b UNION SELECT b.time FROM t a, t b
SELECT a.time, b.time FROM t a, t b INTERSECT SELECT b.time, a.time FROM t a, t b
SELECT count(*) FROM t a, t b WHERE a.asset_id || b.asset_id = 'x'
SELECT count(*) FROM t a, t b WHERE concat(a.asset_id, b.asset_id) LIKE '%xyz%'
SELECT * FROM t a, t b, t c, t d, t e, t f
SELECT count(*) FROM t a, t b GROUP BY a.wind_speed, b.wind_speed
SELECT max(c) FROM (SELECT a.wind_speed, b.wind_speed AS w, count(*) AS c FROM t a, t b GROUP BY 1, 2)
SELECT array_agg(a.time) FROM t a, t b
SELECT array_agg(DISTINCT a.time) FROM t a, t b
SELECT string_agg(a.asset_id, ',') FROM t a, t b
SELECT a.time, array_agg(b.time) FROM t a, t b GROUP BY a.time
SELECT median(a.wind_speed * b.wind_speed) FROM t a, t b
SELECT approx_percentile_cont(a.wind_speed, 0.5) FROM t a, t b, t c
SELECT approx_distinct(a.wind_speed + b.wind_speed) FROM t a, t b
SELECT corr(a.wind_speed, b.wind_speed) FROM t a, t b
SELECT first_value(a.time ORDER BY b.wind_speed) FROM t a, t b
SELECT count(*) FROM t a, t b WHERE a.wind_speed BETWEEN b.wind_speed AND b.wind_speed + 0.5
EXPLAIN ANALYZE SELECT count(*) FROM t a, t b, t c
SELECT count(*) FROM (SELECT * FROM t LIMIT 100000) a, (SELECT * FROM t LIMIT 100000) b, (SELECT * FROM t LIMIT 100000) c
SELECT count(*) FROM t a NATURAL JOIN (SELECT active_power FROM t) b

-- Windows.
SELECT array_agg(time) OVER (ORDER BY time) FROM t
SELECT string_agg(asset_id, ',') OVER (ORDER BY time) FROM t
SELECT median(wind_speed) OVER (ORDER BY time) FROM t
SELECT count(DISTINCT wind_speed) OVER (ORDER BY time) FROM t
SELECT sum(DISTINCT wind_speed) OVER (ORDER BY time) FROM t
SELECT approx_percentile_cont(wind_speed, 0.5) OVER (ORDER BY time) FROM t
SELECT sum(wind_speed) OVER (ORDER BY time ROWS BETWEEN 100000 PRECEDING AND 100000 FOLLOWING) FROM t
SELECT min(wind_speed) OVER (ORDER BY time ROWS BETWEEN 100000 PRECEDING AND 100000 FOLLOWING) FROM t
SELECT max(asset_id) OVER (ORDER BY time ROWS BETWEEN 100000 PRECEDING AND CURRENT ROW) FROM t
SELECT rank() OVER (ORDER BY a.wind_speed) FROM t a, t b
SELECT sum(x) OVER (PARTITION BY x ORDER BY y) FROM (SELECT a.wind_speed AS x, b.wind_speed AS y FROM t a, t b)
SELECT lag(time, 1000000000) OVER (ORDER BY time), lead(time, 1000000000) OVER (ORDER BY time) FROM t
SELECT ntile(1000000000) OVER (ORDER BY time) FROM t
SELECT nth_value(time, 100000) OVER (ORDER BY time) FROM t
SELECT stddev(wind_speed) OVER (ORDER BY wind_speed RANGE BETWEEN 1000 PRECEDING AND 1000 FOLLOWING) FROM t
SELECT count(*) OVER (ORDER BY active_power GROUPS BETWEEN 1000 PRECEDING AND 1000 FOLLOWING) FROM t

-- Values that explode.
SELECT repeat('x', 1000000000)
SELECT repeat('x', 100000000000000)
SELECT repeat('x', 1000000) FROM t
SELECT repeat(repeat(repeat('x', 1000), 1000), 1000)
SELECT repeat(asset_id, 100000) FROM t
SELECT repeat(asset_id, CAST(wind_speed AS BIGINT) * 1000) FROM t
SELECT length(repeat(asset_id, 1000000)) FROM t
SELECT max(repeat('x', 60000)) FROM t
SELECT count(*) FROM t WHERE length(repeat('x', 1000000) || asset_id) > 3
SELECT lpad('x', 1000000000)
SELECT lpad('x', 2147483647, 'y')
SELECT rpad(asset_id, 1000000, 'y') FROM t
SELECT replace(repeat('a', 100000), 'a', repeat('b', 100000))
SELECT replace(asset_id, '', repeat('b', 100000)) FROM t
SELECT regexp_replace(repeat('a', 100000), '', repeat('b', 1000), 'g')
SELECT regexp_replace(repeat('a', 100000), '(.*)', '$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1')
SELECT regexp_replace(asset_id, '.*', repeat('z', 100000)) FROM t
SELECT translate(repeat('a', 1000000), 'a', 'b') FROM t
SELECT concat(r, r, r, r, r, r, r, r, r, r, r, r, r, r, r, r, r, r, r, r) FROM (SELECT repeat('a', 500000) AS r)
SELECT concat_ws(repeat(',', 100000), asset_id, asset_id, asset_id) FROM t
SELECT r || r || r || r || r || r || r || r FROM (SELECT repeat(asset_id, 2000) AS r FROM t)
SELECT overlay(repeat('a', 500000) PLACING repeat('b', 500000) FROM 1) FROM t
SELECT to_char(time, repeat('%Y', 100000)) FROM t
SELECT upper(repeat('a', 900000)), lower(repeat('A', 900000)), reverse(repeat('a', 900000)), initcap(repeat('a', 900000)) FROM t
SELECT array_repeat(1, 1000000000)
SELECT array_repeat(array_repeat(array_repeat(1, 1000), 1000), 1000)
SELECT array_repeat(asset_id, 100000) FROM t
SELECT array_resize([1], 1000000000, 0)
SELECT array_resize(array_repeat(1, 10), 10000000) FROM t
SELECT range(0, 1000000000)
SELECT range(0, 9223372036854775807)
SELECT range(-9223372036854775808, 9223372036854775807, 1)
SELECT generate_series(0, 1000000000, 1)
SELECT range(0, 100000) FROM t
SELECT range(DATE '0001-01-01', DATE '9999-01-01', INTERVAL '1 second')
SELECT generate_series(TIMESTAMP '1800-01-01', TIMESTAMP '2200-01-01', INTERVAL '1 nanosecond')
SELECT generate_series(TIMESTAMP '1800-01-01', TIMESTAMP '2200-01-01', INTERVAL '1 millisecond')
SELECT count(*) FROM generate_series(0, 9223372036854775807)
SELECT count(*) FROM generate_series(0, 100000000) a, generate_series(0, 100000000) b
SELECT sum(a.value * b.value) FROM range(0, 1000000) a, range(0, 1000000) b
SELECT count(*) FROM generate_series(TIMESTAMP '1800-01-01', TIMESTAMP '2200-01-01', INTERVAL '1 nanosecond')
SELECT unnest(range(0, 1000000)) FROM t
SELECT count(*) FROM (SELECT unnest(range(0, 900)) FROM t) a, (SELECT unnest(range(0, 900)) FROM t) b
SELECT unnest(range(0, 900)), repeat('x', 7000) FROM t
SELECT unnest(range(0, 500000)), repeat('x', 500000)
SELECT unnest(unnest(array_repeat(range(0, 900), 900))) FROM t
SELECT count(*) FROM (SELECT unnest(range(0, 900)) AS x, time FROM t), (SELECT unnest(range(0, 900)) AS y FROM t)
SELECT string_to_array(repeat('a,', 500000), ',') FROM t
SELECT array_to_string(range(0, 900), repeat(',', 1000)) FROM t
SELECT array_concat(a, a, a, a, a, a, a, a) FROM (SELECT range(0, 900) AS a FROM t)
SELECT flatten(array_repeat(range(0, 900), 900)) FROM t
SELECT array_sort(array_concat(range(0, 1000), range(0, 1000))) FROM t
SELECT array_distinct(range(0, 1000)), array_union(range(0, 1000), range(0, 1000)), array_except(range(0, 1000), range(0, 1000)) FROM t
SELECT make_array(r, r, r, r, r, r, r, r, r, r) FROM (SELECT repeat(asset_id, 1000) AS r FROM t)
SELECT named_struct('a', r, 'b', r, 'c', r, 'd', r) FROM (SELECT repeat(asset_id, 1000) AS r FROM t)
SELECT map([r], [r]) FROM (SELECT repeat(asset_id, 1500) AS r FROM t)
SELECT levenshtein(repeat('a', 900000), repeat('b', 900000))
SELECT levenshtein(repeat(asset_id, 1000), repeat('b', 5000)) FROM t
SELECT factorial(20), factorial(1000000000)
SELECT power(10, 308) * 10, 9223372036854775807 + 1, 1 / 0, 1 % 0
SELECT gcd(a.value, 9223372036854775807) FROM range(0, 10000000) a
SELECT array_agg(repeat(asset_id, 1000)) FROM t
SELECT string_agg(repeat(asset_id, 1000), ',') FROM t
SELECT array_agg(r) FROM (SELECT repeat(asset_id, 1500) AS r FROM t)
SELECT array_agg(range(0, 900)) FROM t
SELECT max(array_length(l)) FROM (SELECT array_agg(time) AS l FROM t GROUP BY wind_speed)
SELECT a.x, b.time FROM (SELECT array_agg(time) AS x FROM t) a, t b
SELECT a.x, b.time FROM (SELECT string_agg(asset_id, ',') AS x FROM t) a, t b
SELECT a.x, b.time FROM (SELECT repeat('x', 900000) AS x) a, t b
SELECT a.x, b.time FROM (SELECT repeat('x', 900000) AS x, 1.0 AS p) a JOIN t b ON a.p = b.active_power
SELECT DISTINCT repeat(asset_id, 1500) || CAST(time AS VARCHAR) FROM t
SELECT repeat(asset_id, 1500) || CAST(time AS VARCHAR) AS x FROM t ORDER BY x
SELECT repeat(asset_id, 1500) || CAST(time AS VARCHAR) AS x, count(*) FROM t GROUP BY x
SELECT *, repeat('x', 2000), repeat('y', 2000) FROM t
SELECT CASE WHEN wind_speed > 5 THEN repeat('x', 500000) ELSE repeat('y', 500000) END FROM t
SELECT coalesce(NULL, repeat('x', 500000)) FROM t

-- Values that are gathered: one group or many, short and long, in order or not.
SELECT a.active_power, array_agg(b.time) FROM t a, t b GROUP BY a.active_power
SELECT a.active_power, median(b.wind_speed) FROM t a, t b GROUP BY a.active_power
SELECT a.asset_id, string_agg(b.asset_id, ',') FROM t a, t b GROUP BY a.asset_id
SELECT array_agg(repeat(a.asset_id, 20)) FROM t a, t b
SELECT array_agg(a.time ORDER BY b.wind_speed) FROM t a, t b
SELECT array_agg(DISTINCT a.wind_speed + b.wind_speed * 1000) FROM t a, t b
SELECT a.time, approx_distinct(b.time) FROM t a, t b GROUP BY a.time
SELECT sum(a.wind_speed) OVER () FROM t a, t b

-- Patterns.
SELECT regexp_like(asset_id, asset_id) FROM t
SELECT regexp_like('aaaa', 'a{' || CAST(CAST(wind_speed AS INT) AS VARCHAR) || '}{900}') FROM t
SELECT asset_id ~ CAST(wind_speed AS VARCHAR) FROM t
SELECT asset_id LIKE CAST(wind_speed AS VARCHAR) || '%' FROM t
SELECT regexp_like(asset_id, '((a{1000}){1000}){1000}') FROM t
SELECT regexp_like(repeat('a', 900000), '(a*)*(a*)*(a*)*b') FROM t
SELECT regexp_count(repeat('a', 900000), 'a*?a*?a*?a*?a*?b')
SELECT regexp_match(repeat('ab', 400000), '(a|b|ab)*c') FROM t
SELECT count(*) FROM t WHERE repeat(asset_id, 500) LIKE '%1%2%3%4%5%6%7%8%9%0%1%2%3%4%5%'
SELECT count(*) FROM t WHERE asset_id SIMILAR TO asset_id

-- Recursion.
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT count(*) FROM r
WITH RECURSIVE r AS (SELECT 1 AS n UNION SELECT n + 1 FROM r) SELECT count(*) FROM r
WITH RECURSIVE r AS (SELECT 'x' AS s UNION ALL SELECT s || s FROM r) SELECT length(s) FROM r
WITH RECURSIVE r AS (SELECT 'x' AS s UNION ALL SELECT concat(s, s, s) FROM r) SELECT max(length(s)) FROM r
WITH RECURSIVE r AS (SELECT [1] AS a UNION ALL SELECT array_concat(a, a) FROM r) SELECT max(array_length(a)) FROM r
WITH RECURSIVE r AS (SELECT time FROM t UNION ALL SELECT time FROM r) SELECT count(*) FROM r
WITH RECURSIVE r AS (SELECT wind_speed AS w FROM t UNION ALL SELECT r.w + t.wind_speed FROM r JOIN t ON r.w > t.wind_speed) SELECT count(*) FROM r
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT a.n + 1 FROM r a, t) SELECT count(*) FROM r
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT a.n FROM r a, r b) SELECT count(*) FROM r
WITH RECURSIVE r AS (SELECT n FROM r) SELECT * FROM r
WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a), b AS (SELECT n FROM a UNION ALL SELECT n + 1 FROM b) SELECT count(*) FROM b
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT * FROM r, t
WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r ORDER BY n DESC LIMIT 1

-- Grouping sets.
SELECT count(*) FROM t GROUP BY CUBE (time, asset_id, available_at, active_power, wind_speed, time + INTERVAL '1 day', wind_speed + 1, wind_speed + 2, wind_speed + 3)
SELECT count(*) FROM t GROUP BY CUBE (time, wind_speed, wind_speed + 1, wind_speed + 2, wind_speed + 3, wind_speed + 4, wind_speed + 5, wind_speed + 6)
SELECT count(*) FROM t GROUP BY ROLLUP (time, wind_speed, wind_speed + 1, wind_speed + 2), CUBE (wind_speed + 3, wind_speed + 4, wind_speed + 5), CUBE (time, wind_speed + 6, wind_speed + 7)

-- Files, settings, other tables, writing.
SELECT * FROM '@outside@/canary.csv'
SELECT * FROM "@outside@/canary.csv"
SELECT * FROM "@outside@/canary.parquet"
SELECT * FROM "file://@outside@/canary.csv"
SELECT * FROM "/etc/passwd"
SELECT * FROM '/etc/passwd'
SELECT * FROM "../../../../etc/passwd"
SELECT * FROM "s3://bucket/key.parquet"
SELECT * FROM "http://127.0.0.1:1/x.csv"
SELECT * FROM read_csv('@outside@/canary.csv')
SELECT * FROM read_parquet('@outside@/canary.parquet')
SELECT * FROM read_json('@outside@/canary.json')
SELECT * FROM read_text('/etc/passwd')
SELECT * FROM glob('/etc/*')
SELECT * FROM parquet_metadata('@outside@/canary.parquet')
SELECT * FROM csv_scan('@outside@/canary.csv')
SELECT pg_read_file('/etc/passwd')
SELECT load_extension('x')
SELECT getenv('HOME')
SELECT current_setting('data_directory')
SELECT input_file_name() FROM t
SELECT file_row_index() FROM t
SELECT to_local_time(time) FROM t
SELECT time AT TIME ZONE 'Africa/Casablanca' FROM t
SELECT arrow_cast(time, 'Timestamp(us, "Africa/Casablanca")') FROM t
SELECT TIMESTAMP '2026-06-01 12:00:00 Africa/Casablanca'
SELECT array_transform([1, 2], x -> x + 1)
CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '@outside@/canary.csv'
CREATE TABLE x AS SELECT * FROM t
CREATE VIEW x AS SELECT * FROM t
CREATE FUNCTION f() RETURNS INT RETURN 1
COPY t TO '@outside@/stolen.csv'
COPY (SELECT * FROM t) TO '@outside@/stolen.parquet' STORED AS PARQUET
EXPLAIN ANALYZE COPY t TO '@outside@/stolen.csv'
INSERT INTO t SELECT * FROM t
DELETE FROM t
UPDATE t SET active_power = 0
DROP TABLE t
TRUNCATE TABLE t
SET datafusion.runtime.memory_limit = '100G'
SET datafusion.execution.target_partitions = 100000
PREPARE p AS SELECT 1
EXECUTE p
SELECT 1; SELECT 2
SELECT * FROM information_schema.df_settings a, information_schema.columns b, information_schema.columns c, information_schema.columns d
SHOW ALL
SELECT * FROM t WHERE $1 = 1
SELECT * FROM t TABLESAMPLE SYSTEM (50)
SELECT * FROM t PIVOT (sum(active_power) FOR asset_id IN ('a'))
