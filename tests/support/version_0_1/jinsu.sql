--
-- PostgreSQL database dump
--

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: jinsu_notify(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.jinsu_notify() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    changed boolean := true;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        BEGIN
            changed := EXISTS (
                SELECT FROM unnest(TG_ARGV) AS name WHERE to_jsonb(OLD) -> name IS DISTINCT FROM to_jsonb(NEW) -> name
            );
        EXCEPTION WHEN OTHERS THEN
            changed := true;  -- rows that cannot be compared
        END;
    END IF;
    IF changed THEN
        PERFORM pg_notify('jinsu', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION jinsu_notify(); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.jinsu_notify() IS 'Jinsu: wakes the processes that wait for a change of a row. To remove it with its triggers: DROP FUNCTION jinsu_notify() CASCADE. While Jinsu runs, set notifications to false first.';

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

--
-- Name: candidates; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.candidates (
    submission character varying(40) NOT NULL,
    package_digest character varying(64) NOT NULL,
    package_uri text NOT NULL,
    model character varying(40) NOT NULL,
    version character varying(16),
    ready boolean NOT NULL
);

--
-- Name: endpoints; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.endpoints (
    model character varying(40) NOT NULL,
    champion character varying(16) NOT NULL,
    updated double precision NOT NULL
);

--
-- Name: ledger; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ledger (
    id integer NOT NULL,
    at double precision NOT NULL,
    model character varying(40) NOT NULL,
    event character varying(32) NOT NULL,
    version character varying(16) NOT NULL,
    previous character varying(16),
    actor character varying(64) NOT NULL,
    submission character varying(40),
    evidence text,
    detail text NOT NULL,
    identity character varying(160) NOT NULL
);

--
-- Name: ledger_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.ledger_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: ledger_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.ledger_id_seq OWNED BY public.ledger.id;

--
-- Name: reviews; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.reviews (
    submission character varying(40) NOT NULL,
    model character varying(40) NOT NULL,
    version character varying(16) NOT NULL,
    state character varying(16) NOT NULL,
    reviewer character varying(64),
    via character varying(16),
    reason text NOT NULL,
    asked double precision NOT NULL,
    answered double precision
);

--
-- Name: rollouts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rollouts (
    submission character varying(40) NOT NULL,
    model character varying(40) NOT NULL,
    challenger character varying(16) NOT NULL,
    policy json NOT NULL,
    state json NOT NULL,
    phase character varying(16) NOT NULL,
    command text NOT NULL,
    created double precision NOT NULL,
    updated double precision NOT NULL
);

--
-- Name: submissions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.submissions (
    id character varying(40) NOT NULL,
    submitter character varying(64) NOT NULL,
    idempotency_key character varying(128) NOT NULL,
    model character varying(40) NOT NULL,
    team character varying(40) NOT NULL,
    spec json NOT NULL,
    code_digest character varying(64) NOT NULL,
    dataset character varying(80) NOT NULL,
    dag_run character varying(250),
    experiment character varying(64),
    mlflow_run character varying(64),
    state character varying(16) NOT NULL,
    reason text NOT NULL,
    created double precision NOT NULL,
    ended double precision
);

--
-- Name: tasks; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.tasks (
    submission character varying(40) NOT NULL,
    name character varying(40) NOT NULL,
    trial integer NOT NULL,
    state character varying(16) NOT NULL,
    detail text NOT NULL,
    run_key character varying(64),
    started double precision NOT NULL,
    ended double precision,
    output json NOT NULL
);

--
-- Name: usage; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.usage (
    run_key character varying(64) NOT NULL,
    submission character varying(40) NOT NULL,
    team character varying(40) NOT NULL,
    seconds double precision NOT NULL,
    gpu_seconds double precision NOT NULL,
    peak_memory bigint NOT NULL,
    at double precision NOT NULL
);

--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    name character varying(64) NOT NULL,
    role character varying(16) NOT NULL,
    token_sha256 character varying(64) NOT NULL,
    created double precision NOT NULL
);

--
-- Name: ledger id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ledger ALTER COLUMN id SET DEFAULT nextval('public.ledger_id_seq'::regclass);

--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0001');

--
-- Data for Name: candidates; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.candidates VALUES ('by_hand-675ea8cab2', 'adb4946f09aa3c9a0ada57e19effb0a62b7baf47b7355f9c598ef3019a62c62c', 'adb4946f09aa3c9a0ada57e19effb0a62b7baf47b7355f9c598ef3019a62c62c', 'by_hand', '1', true);
INSERT INTO public.candidates VALUES ('digits-6b8e37cc0e', 'a5fd06a506c7f1f384dedefab1b56554aef6d49042b0595ea3cdc863ba47b20e', 'a5fd06a506c7f1f384dedefab1b56554aef6d49042b0595ea3cdc863ba47b20e', 'digits', '1', true);
INSERT INTO public.candidates VALUES ('points-ac24faeecb', 'c6e947140b211d25c93418632f06c00fdd18543994e2f06d2b4c8059e14f6e09', 'c6e947140b211d25c93418632f06c00fdd18543994e2f06d2b4c8059e14f6e09', 'points', '1', true);
INSERT INTO public.candidates VALUES ('strayed-b239709bfe', 'f683c2e5b79ae522712d1d2d7a825fd126d53d747d8a653777cc28bf92c81d0c', 'f683c2e5b79ae522712d1d2d7a825fd126d53d747d8a653777cc28bf92c81d0c', 'strayed', '1', true);
INSERT INTO public.candidates VALUES ('basket-3bade1587a', '78f06dc29da69dd4ea2303b870fce87e76ddaa008a4104152361672f5cffd262', '78f06dc29da69dd4ea2303b870fce87e76ddaa008a4104152361672f5cffd262', 'basket', '1', true);
INSERT INTO public.candidates VALUES ('digits-bb7a155e6b', '848d882a518a1d5e6ff5c6ab6b36a850105229cb90fe51a60a4f213e337d9ca3', '848d882a518a1d5e6ff5c6ab6b36a850105229cb90fe51a60a4f213e337d9ca3', 'digits', '2', true);
INSERT INTO public.candidates VALUES ('points-6c96654206', '63e9dca7df7bab57a4935451bb082a42df1bfc6846d9f93eb20b4d8c5f0d7d9a', '63e9dca7df7bab57a4935451bb082a42df1bfc6846d9f93eb20b4d8c5f0d7d9a', 'points', '2', true);
INSERT INTO public.candidates VALUES ('points-0886bbfbd6', '09f4339bf236b42822b1b0296f3cb190a7197d4116b82547cf8b3d2bab3adb3e', '09f4339bf236b42822b1b0296f3cb190a7197d4116b82547cf8b3d2bab3adb3e', 'points', '3', true);
INSERT INTO public.candidates VALUES ('by_hand-9ae9abb315', 'ff6b8a4f2a73fb30f945eec2823040f2eb1218aae0f07c83dd9282e1d0b7c318', 'ff6b8a4f2a73fb30f945eec2823040f2eb1218aae0f07c83dd9282e1d0b7c318', 'by_hand', '2', true);
INSERT INTO public.candidates VALUES ('strayed-027e4d8069', 'ed79cc03cd7ba1499b68a8bf53f218c1d228223722e50d56663d455aa0ae6823', 'ed79cc03cd7ba1499b68a8bf53f218c1d228223722e50d56663d455aa0ae6823', 'strayed', '2', true);
INSERT INTO public.candidates VALUES ('basket-a5c44954cc', '14067e93d3ed41f843d877aaffb20a27758a69f2dbf345a9ab9418cc290a4a98', '14067e93d3ed41f843d877aaffb20a27758a69f2dbf345a9ab9418cc290a4a98', 'basket', '2', true);
INSERT INTO public.candidates VALUES ('points-8d6e0dac67', '5a7218363cc096c8fe8b2a5e53bbeed0f6cfda0eb52ad10971b5bf4ebf31a365', '5a7218363cc096c8fe8b2a5e53bbeed0f6cfda0eb52ad10971b5bf4ebf31a365', 'points', '4', true);
INSERT INTO public.candidates VALUES ('points-a7fea3ae76', 'a6336b8e3d548ffafccfcf3bc313b133b7976142a78a3aa84360183742ac8c0e', 'a6336b8e3d548ffafccfcf3bc313b133b7976142a78a3aa84360183742ac8c0e', 'points', '5', true);
INSERT INTO public.candidates VALUES ('digits-4ac275e31e', '925990b4da3c422945f887a5af73f15dba85f4975a9583831410949a81fdf197', '925990b4da3c422945f887a5af73f15dba85f4975a9583831410949a81fdf197', 'digits', '3', true);

--
-- Data for Name: endpoints; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.endpoints VALUES ('basket', '1', 1795559145.3336189);
INSERT INTO public.endpoints VALUES ('digits', '2', 1795559157.9127192);
INSERT INTO public.endpoints VALUES ('points', '1', 1795559165.429407);
INSERT INTO public.endpoints VALUES ('by_hand', '2', 1795559213.1469026);
INSERT INTO public.endpoints VALUES ('strayed', '1', 1795559214.1446867);

--
-- Data for Name: ledger; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.ledger VALUES (1, 1795559107.0729237, 'by_hand', 'promoted', '1', NULL, 'model.yaml', 'by_hand-675ea8cab2', 'run 8fa8b93cc1a546eaa268572a4a9d1366/evidence.html', 'there is no champion to compare with', 'promote:by_hand-675ea8cab2');
INSERT INTO public.ledger VALUES (2, 1795559123.131014, 'digits', 'promoted', '1', NULL, 'rita', 'digits-6b8e37cc0e', 'run b2aea74d5deb46d4b59f1058f718b179/evidence.html', 'there is no champion to compare with', 'promote:digits-6b8e37cc0e');
INSERT INTO public.ledger VALUES (3, 1795559129.838152, 'points', 'promoted', '1', NULL, 'rita', 'points-ac24faeecb', 'run c4c1fee1a70c47f1937ce5b4d4812e99/evidence.html', 'there is no champion to compare with', 'promote:points-ac24faeecb');
INSERT INTO public.ledger VALUES (4, 1795559137.8729208, 'strayed', 'promoted', '1', NULL, 'model.yaml', 'strayed-b239709bfe', 'run 35c447f188464966ab310f19ec546359/evidence.html', 'there is no champion to compare with', 'promote:strayed-b239709bfe');
INSERT INTO public.ledger VALUES (5, 1795559145.2647638, 'basket', 'promoted', '1', NULL, 'rita', 'basket-3bade1587a', 'run 308d4bd3443140d0a73c71979cd082d3/evidence.html', 'there is no champion to compare with', 'promote:basket-3bade1587a');
INSERT INTO public.ledger VALUES (6, 1795559157.8168082, 'digits', 'promoted', '2', '1', 'reviewer', 'digits-bb7a155e6b', 'run af70413a81d44a13ae3811cced72613a/evidence.html', 'all steps passed', 'promote:digits-bb7a155e6b');
INSERT INTO public.ledger VALUES (7, 1795559164.5584784, 'points', 'promoted', '2', '1', 'reviewer', 'points-6c96654206', 'run 8e1f4fc7764e4b17a707ca76cbe3a27f/evidence.html', 'all steps passed', 'promote:points-6c96654206');
INSERT INTO public.ledger VALUES (8, 1795559165.3738132, 'points', 'rolled back', '1', '2', 'rita', NULL, NULL, '', 'rollback:points:1795559165318351247');
INSERT INTO public.ledger VALUES (9, 1795559207.9863167, 'basket', 'reverted', '2', '1', 'jinsu', 'basket-a5c44954cc', NULL, 'complaints', 'reverted:basket-a5c44954cc:1795559207.4891064');
INSERT INTO public.ledger VALUES (10, 1795559212.3862529, 'strayed', 'promoted', '2', '1', 'rita', 'strayed-027e4d8069', 'run 930515ce65c34a83802a07a0fe4b4d72/evidence.html', 'all steps passed', 'promote:strayed-027e4d8069');
INSERT INTO public.ledger VALUES (11, 1795559213.151913, 'by_hand', 'moved by hand', '2', '1', 'mlflow', NULL, NULL, '', 'hand:by_hand:1795559213151410948');

--
-- Data for Name: reviews; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.reviews VALUES ('by_hand-675ea8cab2', 'by_hand', '1', 'approved', 'model.yaml', 'spec', 'release.review: none', 1795559105.304534, 1795559105.3428786);
INSERT INTO public.reviews VALUES ('digits-6b8e37cc0e', 'digits', '1', 'approved', 'rita', 'cli', 'looks good', 1795559118.8521955, 1795559119.8536603);
INSERT INTO public.reviews VALUES ('points-ac24faeecb', 'points', '1', 'approved', 'rita', 'cli', 'looks good', 1795559127.640574, 1795559128.1165276);
INSERT INTO public.reviews VALUES ('strayed-b239709bfe', 'strayed', '1', 'approved', 'model.yaml', 'spec', 'release.review: none', 1795559136.2645438, 1795559136.2917793);
INSERT INTO public.reviews VALUES ('basket-3bade1587a', 'basket', '1', 'approved', 'rita', 'cli', 'looks good', 1795559143.3303747, 1795559143.9079144);
INSERT INTO public.reviews VALUES ('digits-bb7a155e6b', 'digits', '2', 'approved', 'reviewer', 'mlflow', '', 1795559153.6804285, 1795559154.130742);
INSERT INTO public.reviews VALUES ('points-6c96654206', 'points', '2', 'approved', 'reviewer', 'airflow', 'as good as the first', 1795559161.3073986, 1795559161.8391933);
INSERT INTO public.reviews VALUES ('points-0886bbfbd6', 'points', '3', 'rejected', 'rita', 'cli', 'worse on the right side', 1795559179.3196318, 1795559180.0637546);
INSERT INTO public.reviews VALUES ('basket-a5c44954cc', 'basket', '2', 'approved', 'reviewer', 'mlflow', '', 1795559205.9486952, 1795559206.4393773);
INSERT INTO public.reviews VALUES ('by_hand-9ae9abb315', 'by_hand', '2', 'rejected', 'reviewer', 'airflow', 'not this one', 1795559195.0598893, 1795559208.7424266);
INSERT INTO public.reviews VALUES ('strayed-027e4d8069', 'strayed', '2', 'approved', 'rita', 'cli', '', 1795559200.1833694, 1795559209.2153645);
INSERT INTO public.reviews VALUES ('points-8d6e0dac67', 'points', '4', 'cancelled', NULL, NULL, 'not needed any more', 1795559234.333877, NULL);
INSERT INTO public.reviews VALUES ('points-a7fea3ae76', 'points', '5', 'open', NULL, NULL, '', 1795559246.371663, NULL);
INSERT INTO public.reviews VALUES ('digits-4ac275e31e', 'digits', '3', 'approved', 'rita', 'cli', 'better', 1795559255.1966188, 1795559255.5591152);

--
-- Data for Name: rollouts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.rollouts VALUES ('strayed-b239709bfe', 'strayed', '1', '{"steps": [50], "every": 1.0, "deadline": 3600.0, "gates": {"min_requests": 10, "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 100.0}, "ready_deadline": 120.0}', '{"challenger": "1", "champion": null, "phase": "promoted", "step": 0, "since": 1795559137.2219326, "champion_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "challenger_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "reason": "promoted", "percent": 0, "findings": [{"gate": "traffic", "verdict": "inconclusive", "detail": "0 of 10 answers seen"}, {"gate": "finite outputs", "verdict": "pass", "detail": "0 answers were not finite"}, {"gate": "errors", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}, {"gate": "latency over 100 ms", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}]}', 'promoted', '', 1795559136.775602, 1795559138.012025);
INSERT INTO public.rollouts VALUES ('by_hand-675ea8cab2', 'by_hand', '1', '{"steps": [50], "every": 1.0, "deadline": 3600.0, "gates": {"min_requests": 10, "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 100.0}, "ready_deadline": 120.0}', '{"challenger": "1", "champion": null, "phase": "promoted", "step": 0, "since": 1795559106.6440349, "champion_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "challenger_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "reason": "promoted", "percent": 0, "findings": [{"gate": "traffic", "verdict": "inconclusive", "detail": "0 of 10 answers seen"}, {"gate": "finite outputs", "verdict": "pass", "detail": "0 answers were not finite"}, {"gate": "errors", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}, {"gate": "latency over 100 ms", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}]}', 'promoted', '', 1795559105.815722, 1795559107.21524);
INSERT INTO public.rollouts VALUES ('points-ac24faeecb', 'points', '1', '{"steps": [50], "every": 1.0, "deadline": 3600.0, "gates": {"min_requests": 10, "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 100.0}, "ready_deadline": 120.0}', '{"challenger": "1", "champion": null, "phase": "promoted", "step": 0, "since": 1795559129.3610904, "champion_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "challenger_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "reason": "promoted", "percent": 0, "findings": [{"gate": "traffic", "verdict": "inconclusive", "detail": "0 of 10 answers seen"}, {"gate": "finite outputs", "verdict": "pass", "detail": "0 answers were not finite"}, {"gate": "errors", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}, {"gate": "latency over 100 ms", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}]}', 'promoted', '', 1795559128.8976464, 1795559129.9345539);
INSERT INTO public.rollouts VALUES ('digits-6b8e37cc0e', 'digits', '1', '{"steps": [50], "every": 1.0, "deadline": 2592000.0, "gates": {"min_requests": 20, "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 50.0}, "ready_deadline": 120.0}', '{"challenger": "1", "champion": null, "phase": "promoted", "step": 0, "since": 1795559122.4517412, "champion_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "challenger_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "reason": "promoted", "percent": 0, "findings": [{"gate": "traffic", "verdict": "inconclusive", "detail": "0 of 20 answers seen"}, {"gate": "finite outputs", "verdict": "pass", "detail": "0 answers were not finite"}, {"gate": "errors", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}, {"gate": "latency over 50 ms", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}]}', 'promoted', '', 1795559122.0034478, 1795559123.2036898);
INSERT INTO public.rollouts VALUES ('basket-3bade1587a', 'basket', '1', '{"steps": [50], "every": 1.0, "deadline": 3600.0, "gates": {"min_requests": 10, "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 100.0}, "ready_deadline": 120.0}', '{"challenger": "1", "champion": null, "phase": "promoted", "step": 0, "since": 1795559144.8389149, "champion_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "challenger_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "reason": "promoted", "percent": 0, "findings": [{"gate": "traffic", "verdict": "inconclusive", "detail": "0 of 10 answers seen"}, {"gate": "finite outputs", "verdict": "pass", "detail": "0 answers were not finite"}, {"gate": "errors", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}, {"gate": "latency over 100 ms", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}]}', 'promoted', '', 1795559144.3794103, 1795559145.412124);
INSERT INTO public.rollouts VALUES ('digits-bb7a155e6b', 'digits', '2', '{"steps": [50], "every": 1.0, "deadline": 2592000.0, "gates": {"min_requests": 20, "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 50.0}, "ready_deadline": 120.0}', '{"challenger": "2", "champion": "1", "phase": "promoted", "step": 0, "since": 1795559157.0175247, "champion_baseline": {"requests": 78, "errors": 0, "non_finite": 0, "latency": {"1.0": 52, "2.5": 56, "5.0": 64, "10.0": 68, "25.0": 68, "50.0": 68, "100.0": 68, "250.0": 68, "500.0": 68, "1000.0": 68, "2500.0": 68, "5000.0": 68, "10000.0": 68, "Infinity": 68}}, "challenger_baseline": {"requests": 37, "errors": 0, "non_finite": 0, "latency": {"1.0": 29, "2.5": 31, "5.0": 32, "10.0": 32, "25.0": 32, "50.0": 32, "100.0": 32, "250.0": 32, "500.0": 32, "1000.0": 32, "2500.0": 32, "5000.0": 32, "10000.0": 32, "Infinity": 32}}, "reason": "promoted", "percent": 50, "findings": [{"gate": "traffic", "verdict": "pass", "detail": "27 of 20 answers seen"}, {"gate": "finite outputs", "verdict": "pass", "detail": "0 answers were not finite"}, {"gate": "errors", "verdict": "pass", "detail": "0.0% of 27 against 0.0% of 0 of the champion"}, {"gate": "latency over 50 ms", "verdict": "inconclusive", "detail": "0.0% of 19 against 0.0% of 10 of the champion"}]}', 'promoted', '', 1795559154.9857838, 1795559158.0414739);
INSERT INTO public.rollouts VALUES ('basket-a5c44954cc', 'basket', '2', '{"steps": [50], "every": 1.0, "deadline": 3600.0, "gates": {"min_requests": 10, "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 100.0}, "ready_deadline": 120.0}', '{"challenger": "2", "champion": "1", "phase": "reverted", "step": 0, "since": 1795559207.4891064, "champion_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "challenger_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "reason": "complaints", "percent": 50, "findings": [{"gate": "traffic", "verdict": "inconclusive", "detail": "0 of 10 answers seen"}, {"gate": "finite outputs", "verdict": "pass", "detail": "0 answers were not finite"}, {"gate": "errors", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}, {"gate": "latency over 100 ms", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}]}', 'reverted', '', 1795559207.0613356, 1795559207.9840946);
INSERT INTO public.rollouts VALUES ('points-6c96654206', 'points', '2', '{"steps": [50], "every": 1.0, "deadline": 3600.0, "gates": {"min_requests": 10, "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 100.0}, "ready_deadline": 120.0}', '{"challenger": "2", "champion": "1", "phase": "promoted", "step": 0, "since": 1795559163.9441187, "champion_baseline": {"requests": 176, "errors": 0, "non_finite": 0, "latency": {"1.0": 118, "2.5": 126, "5.0": 146, "10.0": 155, "25.0": 155, "50.0": 155, "100.0": 155, "250.0": 155, "500.0": 155, "1000.0": 155, "2500.0": 155, "5000.0": 155, "10000.0": 155, "Infinity": 155}}, "challenger_baseline": {"requests": 66, "errors": 0, "non_finite": 0, "latency": {"1.0": 35, "2.5": 40, "5.0": 43, "10.0": 43, "25.0": 43, "50.0": 43, "100.0": 43, "250.0": 43, "500.0": 43, "1000.0": 43, "2500.0": 43, "5000.0": 43, "10000.0": 43, "Infinity": 43}}, "reason": "promoted", "percent": 50, "findings": [{"gate": "traffic", "verdict": "pass", "detail": "39 of 10 answers seen"}, {"gate": "finite outputs", "verdict": "pass", "detail": "0 answers were not finite"}, {"gate": "errors", "verdict": "pass", "detail": "0.0% of 39 against 0.0% of 2 of the champion"}, {"gate": "latency over 100 ms", "verdict": "pass", "detail": "0.0% of 23 against 0.0% of 21 of the champion"}]}', 'promoted', '', 1795559162.3189955, 1795559164.901313);
INSERT INTO public.rollouts VALUES ('strayed-027e4d8069', 'strayed', '2', '{"steps": [50], "every": 1.0, "deadline": 3600.0, "gates": {"min_requests": 10, "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 100.0}, "ready_deadline": 120.0}', '{"challenger": "2", "champion": "1", "phase": "promoted", "step": 0, "since": 1795559211.6726162, "champion_baseline": {"requests": 142, "errors": 0, "non_finite": 0, "latency": {"1.0": 75, "2.5": 92, "5.0": 114, "10.0": 121, "25.0": 121, "50.0": 121, "100.0": 121, "250.0": 121, "500.0": 121, "1000.0": 121, "2500.0": 121, "5000.0": 121, "10000.0": 121, "Infinity": 121}}, "challenger_baseline": {"requests": 53, "errors": 0, "non_finite": 0, "latency": {"1.0": 31, "2.5": 31, "5.0": 33, "10.0": 33, "25.0": 34, "50.0": 34, "100.0": 34, "250.0": 34, "500.0": 34, "1000.0": 34, "2500.0": 34, "5000.0": 34, "10000.0": 34, "Infinity": 34}}, "reason": "promoted", "percent": 50, "findings": [{"gate": "traffic", "verdict": "pass", "detail": "35 of 10 answers seen"}, {"gate": "finite outputs", "verdict": "pass", "detail": "0 answers were not finite"}, {"gate": "errors", "verdict": "pass", "detail": "0.0% of 35 against 0.0% of 1 of the champion"}, {"gate": "latency over 100 ms", "verdict": "pass", "detail": "0.0% of 19 against 0.0% of 21 of the champion"}]}', 'promoted', '', 1795559210.039748, 1795559212.6645901);
INSERT INTO public.rollouts VALUES ('digits-4ac275e31e', 'digits', '3', '{"steps": [50], "every": 1.0, "deadline": 2592000.0, "gates": {"min_requests": 20, "max_error_increase": 0.02, "max_latency_ratio": 2.0, "max_latency_ms": 50.0}, "ready_deadline": 120.0}', '{"challenger": "3", "champion": "2", "phase": "stepping", "step": 0, "since": 1795559256.7485275, "champion_baseline": {"requests": 68, "errors": 0, "non_finite": 0, "latency": {"1.0": 46, "2.5": 52, "5.0": 57, "10.0": 65, "25.0": 68, "50.0": 68, "100.0": 68, "250.0": 68, "500.0": 68, "1000.0": 68, "2500.0": 68, "5000.0": 68, "10000.0": 68, "Infinity": 68}}, "challenger_baseline": {"requests": 0, "errors": 0, "non_finite": 0, "latency": {}}, "reason": "traffic: 0 of 20 answers seen; errors: 0.0% of 0 against 0.0% of 0 of the champion; latency over 50 ms: 0.0% of 0 against 0.0% of 0 of the champion", "percent": 50, "findings": [{"gate": "traffic", "verdict": "inconclusive", "detail": "0 of 20 answers seen"}, {"gate": "finite outputs", "verdict": "pass", "detail": "0 answers were not finite"}, {"gate": "errors", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}, {"gate": "latency over 50 ms", "verdict": "inconclusive", "detail": "0.0% of 0 against 0.0% of 0 of the champion"}]}', 'stepping', '', 1795559256.303261, 1795559257.1530368);

--
-- Data for Name: submissions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.submissions VALUES ('by_hand-675ea8cab2', 'anna', 'by-hand-1', 'by_hand', 'default', '{"name": "by_hand", "team": "default", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "none", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '5bff5a83ec6b10e4d3066dec63bb2e593fc1dc11417f9bd7bde29e50bedfadfd', 'points@9fb32f5822701000', 'by_hand-675ea8cab2', '4', '8fa8b93cc1a546eaa268572a4a9d1366', 'succeeded', 'version 1 is the champion', 1795559088.8258984, 1795559107.168255);
INSERT INTO public.submissions VALUES ('digits-6b8e37cc0e', 'anna', 'digits-1', 'digits', 'default', '{"name": "digits", "team": "default", "data": {"dataset": "digits@2e6156da181ece5f", "expectations": "expectations.yaml", "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"epochs": 2, "lr": 0.01, "channels": 16}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": "maximize", "min": 0.9, "max": null, "vs_champion": -0.002, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 50.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 20, "deadline": 2592000.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '461669c062cde944e43ef6f24c9d2dc2137e38c19b0eba20812710c33a1d5ff0', 'digits@2e6156da181ece5f', 'digits-6b8e37cc0e', '1', 'b2aea74d5deb46d4b59f1058f718b179', 'succeeded', 'version 1 is the champion', 1795559087.5784764, 1795559123.157544);
INSERT INTO public.submissions VALUES ('strayed-b239709bfe', 'anna', 'strayed-1', 'strayed', 'default', '{"name": "strayed", "team": "default", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "none", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', 'fd06789099b2edd7f1ad778032471f2e7a4bc285e241476fdcd0199a7e92be75', 'points@9fb32f5822701000', 'strayed-b239709bfe', '5', '35c447f188464966ab310f19ec546359', 'succeeded', 'version 1 is the champion', 1795559088.52107, 1795559137.9590437);
INSERT INTO public.submissions VALUES ('basket-3bade1587a', 'anna', 'basket-1', 'basket', 'shopping', '{"name": "basket", "team": "shopping", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2}, "trials": [{"features": 1}, {"features": 2}], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '404173f848f4361497d1b355332c7ee2e8a552b5f712c35543e18fc87579a6da', 'points@9fb32f5822701000', 'basket-3bade1587a', '3', '308d4bd3443140d0a73c71979cd082d3', 'succeeded', 'version 1 is the champion', 1795559088.1956503, 1795559145.3123436);
INSERT INTO public.submissions VALUES ('points-ac24faeecb', 'anna', 'points-1', 'points', 'default', '{"name": "points", "team": "default", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '753a60138720010cb679d5aa23426345045e318b35d5f14bf74ea8c3e2cb1f1b', 'points@9fb32f5822701000', 'points-ac24faeecb', '2', 'c4c1fee1a70c47f1937ce5b4d4812e99', 'succeeded', 'version 1 is the champion', 1795559087.886299, 1795559129.895882);
INSERT INTO public.submissions VALUES ('digits-bb7a155e6b', 'anna', 'digits-2', 'digits', 'default', '{"name": "digits", "team": "default", "data": {"dataset": "digits@2e6156da181ece5f", "expectations": "expectations.yaml", "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"epochs": 5, "lr": 0.01, "channels": 16}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": "maximize", "min": 0.9, "max": null, "vs_champion": -0.002, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 50.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 20, "deadline": 2592000.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '461669c062cde944e43ef6f24c9d2dc2137e38c19b0eba20812710c33a1d5ff0', 'digits@2e6156da181ece5f', 'digits-bb7a155e6b', '1', 'af70413a81d44a13ae3811cced72613a', 'succeeded', 'version 2 is the champion', 1795559145.687566, 1795559157.9453268);
INSERT INTO public.submissions VALUES ('points-6c96654206', 'root', 'points-2', 'points', 'default', '{"name": "points", "team": "default", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2, "note": "second"}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '753a60138720010cb679d5aa23426345045e318b35d5f14bf74ea8c3e2cb1f1b', 'points@9fb32f5822701000', 'points-6c96654206', '2', '8e1f4fc7764e4b17a707ca76cbe3a27f', 'succeeded', 'version 2 is the champion', 1795559146.0620408, 1795559164.6894355);
INSERT INTO public.submissions VALUES ('basket-a5c44954cc', 'anna', 'basket-2', 'basket', 'shopping', '{"name": "basket", "team": "shopping", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2, "note": "second"}, "trials": [{"features": 1}, {"features": 2}], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '404173f848f4361497d1b355332c7ee2e8a552b5f712c35543e18fc87579a6da', 'points@9fb32f5822701000', 'basket-a5c44954cc', '3', 'd733f9a15cc440cc8005e359dcdcda3a', 'failed', 'canary: version 2 was reverted: complaints', 1795559167.1143794, 1795559208.1528218);
INSERT INTO public.submissions VALUES ('by_hand-9ae9abb315', 'anna', 'by-hand-2', 'by_hand', 'default', '{"name": "by_hand", "team": "default", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2, "note": "second"}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', 'ef64fcb483eff1b7559bc9807e38381d9f7f3f62245f2c056b763f65fdf68680', 'points@9fb32f5822701000', 'by_hand-9ae9abb315', '4', '233afce1ba504385a7ebc181603fe020', 'failed', 'review: reviewer rejected version 2: not this one', 1795559167.8534188, 1795559208.8084493);
INSERT INTO public.submissions VALUES ('strayed-027e4d8069', 'rita', 'strayed-2', 'strayed', 'default', '{"name": "strayed", "team": "default", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2, "note": "second"}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '86d3c2d7fb613501e6880bbf5bfae944b12648f58b20583ff38e552d99b1cd91', 'points@9fb32f5822701000', 'strayed-027e4d8069', '5', '930515ce65c34a83802a07a0fe4b4d72', 'succeeded', 'version 2 is the champion', 1795559168.6306467, 1795559212.5579345);
INSERT INTO public.submissions VALUES ('points-0886bbfbd6', 'anna', 'points-3', 'points', 'default', '{"name": "points", "team": "default", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2, "note": "third"}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '753a60138720010cb679d5aa23426345045e318b35d5f14bf74ea8c3e2cb1f1b', 'points@9fb32f5822701000', 'points-0886bbfbd6', '2', 'ab1c8cfb0cec48da83e7493794450549', 'failed', 'review: rita rejected version 3: worse on the right side', 1795559166.581157, 1795559180.622152);
INSERT INTO public.submissions VALUES ('points-535a3a3332', 'anna', 'points-4', 'points', 'default', '{"name": "points", "team": "default", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2, "spoil": "labels"}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '753a60138720010cb679d5aa23426345045e318b35d5f14bf74ea8c3e2cb1f1b', 'points@9fb32f5822701000', 'points-535a3a3332', '2', 'b7da84d9199b4309a646cbaa9d251e04', 'failed', 'evaluate: accuracy is 0.0268, evaluate.min asks for 0.7; accuracy differs from the champion''s by -0.9464, evaluate.vs_champion asks for >= -0.05. See the evaluation in the run''s report.', 1795559214.455258, 1795559222.3258982);
INSERT INTO public.submissions VALUES ('points-8c79c62a32', 'anna', 'points-5', 'points', 'default', '{"name": "points", "team": "default", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2, "seconds": 300}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '753a60138720010cb679d5aa23426345045e318b35d5f14bf74ea8c3e2cb1f1b', 'points@9fb32f5822701000', 'points-8c79c62a32', '2', 'a7b36a68234f40989599a0aef36a2cd7', 'cancelled', 'wrong dataset', 1795559222.8158212, 1795559227.1151211);
INSERT INTO public.submissions VALUES ('points-8d6e0dac67', 'anna', 'points-6', 'points', 'default', '{"name": "points", "team": "default", "data": {"dataset": "points@9fb32f5822701000", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2, "note": "sixth"}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '753a60138720010cb679d5aa23426345045e318b35d5f14bf74ea8c3e2cb1f1b', 'points@9fb32f5822701000', 'points-8d6e0dac67', '2', '71c7c41f12894185995c638b02863f78', 'cancelled', 'not needed any more', 1795559227.4373455, 1795559234.8044527);
INSERT INTO public.submissions VALUES ('points-a7fea3ae76', 'anna', 'points-7', 'points', 'default', '{"name": "points", "team": "default", "data": {"dataset": "points@8a12823ecfc41a9a", "expectations": null, "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"features": 2, "note": "seventh"}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": null, "min": 0.7, "max": null, "vs_champion": -0.05, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 100.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 10, "deadline": 3600.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '753a60138720010cb679d5aa23426345045e318b35d5f14bf74ea8c3e2cb1f1b', 'points@8a12823ecfc41a9a', 'points-a7fea3ae76', '2', 'bdf0fcc2f5b1452aaf90938b2c84e4aa', 'running', '', 1795559236.266989, NULL);
INSERT INTO public.submissions VALUES ('digits-4ac275e31e', 'anna', 'digits-3', 'digits', 'default', '{"name": "digits", "team": "default", "data": {"dataset": "digits@2e6156da181ece5f", "expectations": "expectations.yaml", "features": null, "target": "label", "holdout": 0.2, "holdout_by": null}, "train": {"command": "python train.py", "params": {"epochs": 6, "lr": 0.01, "channels": 16}, "trials": [], "resources": {"gpu": 0, "gpu_type": null, "cpu": 1.0, "memory": 2147483648, "hours": 1.0}, "priority": "normal"}, "evaluate": {"metric": "accuracy", "direction": "maximize", "min": 0.9, "max": null, "vs_champion": -0.002, "max_folded": 0.05, "slices": ["label"]}, "serve": {"max_latency_ms": 50.0, "parity_tolerance": 0.0001}, "release": {"review": "required", "canary": {"steps": [50], "every": 1.0, "min_requests": 20, "deadline": 2592000.0, "max_error_increase": 0.02, "max_latency_ratio": 2.0}}}', '461669c062cde944e43ef6f24c9d2dc2137e38c19b0eba20812710c33a1d5ff0', 'digits@2e6156da181ece5f', 'digits-4ac275e31e', '1', 'fac291869a56421488db25aed8c10eda', 'running', '', 1795559246.7614505, NULL);

--
-- Data for Name: tasks; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.tasks VALUES ('digits-6b8e37cc0e', 'admit', 0, 'done', '', NULL, 1795559090.6159778, 1795559090.698431, '{"dataset": "digits@2e6156da181ece5f", "trials": 1}');
INSERT INTO public.tasks VALUES ('points-ac24faeecb', 'admit', 0, 'done', '', NULL, 1795559090.9027946, 1795559091.093803, '{"dataset": "points@9fb32f5822701000", "trials": 1}');
INSERT INTO public.tasks VALUES ('basket-3bade1587a', 'admit', 0, 'done', '', NULL, 1795559091.1236215, 1795559091.2656124, '{"dataset": "points@9fb32f5822701000", "trials": 2}');
INSERT INTO public.tasks VALUES ('by_hand-675ea8cab2', 'admit', 0, 'done', '', NULL, 1795559091.282918, 1795559091.4287918, '{"dataset": "points@9fb32f5822701000", "trials": 1}');
INSERT INTO public.tasks VALUES ('strayed-b239709bfe', 'admit', 0, 'done', '', NULL, 1795559091.3016233, 1795559091.4361675, '{"dataset": "points@9fb32f5822701000", "trials": 1}');
INSERT INTO public.tasks VALUES ('by_hand-675ea8cab2', 'validate_data', 0, 'done', '', NULL, 1795559091.9754422, 1795559096.1929357, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/by_hand/__none__/20261124T222455.546987Z/rows-by_hand.html"}');
INSERT INTO public.tasks VALUES ('digits-6b8e37cc0e', 'validate_data', 0, 'done', '', NULL, 1795559091.5991452, 1795559096.5786214, '{"run_key": "44f838fadd5e26f2bb4c8f5d7acbf6326bc60a08f383f2234a8b14cf894bf319", "checks": 8, "rows": 1797, "page": "validations/digits/__none__/20261124T222456.061044Z/rows-digits.html"}');
INSERT INTO public.tasks VALUES ('by_hand-675ea8cab2', 'canary', 0, 'done', '', NULL, 1795559105.8339794, 1795559106.701205, '{"version": "1", "champion": "", "reason": "there is no champion to compare with"}');
INSERT INTO public.tasks VALUES ('basket-3bade1587a', 'validate_data', 0, 'done', '', NULL, 1795559091.984401, 1795559096.6687415, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/basket/__none__/20261124T222455.768638Z/rows-basket.html"}');
INSERT INTO public.tasks VALUES ('strayed-b239709bfe', 'validate_data', 0, 'done', '', NULL, 1795559096.7953625, 1795559096.8709824, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/basket/__none__/20261124T222455.768638Z/rows-basket.html"}');
INSERT INTO public.tasks VALUES ('by_hand-675ea8cab2', 'promote', 0, 'done', '', NULL, 1795559107.013985, 1795559107.1632264, '{"version": "1", "previous": null}');
INSERT INTO public.tasks VALUES ('points-ac24faeecb', 'validate_data', 0, 'done', '', NULL, 1795559092.9337113, 1795559097.4940338, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/points/__none__/20261124T222457.082042Z/rows-points.html"}');
INSERT INTO public.tasks VALUES ('by_hand-675ea8cab2', 'train', 0, 'done', '', 'a801aa85d451b4e1277521ee39333081f7c357bcfccc7f14aa68803d9fb771e7', 1795559097.177884, 1795559102.2068615, '{"run_key": "a801aa85d451b4e1277521ee39333081f7c357bcfccc7f14aa68803d9fb771e7", "seconds": 4.798, "peak_memory": 485629952, "metrics": {"loss": 0.09171264618635178}}');
INSERT INTO public.tasks VALUES ('by_hand-675ea8cab2', 'package', 0, 'done', '', NULL, 1795559102.7163823, 1795559102.8151696, '{"run_key": "adb4946f09aa3c9a0ada57e19effb0a62b7baf47b7355f9c598ef3019a62c62c", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 8.487781144594919e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.005, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('basket-3bade1587a', 'train', 0, 'done', '', 'a452cddad87b4bde04a49b59667c03a3e62df2ba503b180c3470a7414768a922', 1795559102.6604147, 1795559109.2090268, '{"run_key": "a452cddad87b4bde04a49b59667c03a3e62df2ba503b180c3470a7414768a922", "seconds": 6.263, "peak_memory": 486350848, "metrics": {"loss": 0.2089904397726059, "accuracy": 0.8975409865379333}}');
INSERT INTO public.tasks VALUES ('by_hand-675ea8cab2', 'evaluate', 0, 'done', '', NULL, 1795559103.2718437, 1795559103.6691892, '{"run_key": "3097e1c37bcb2ae492370241b40ac173aee9176ab457dffa08c5bc9d84f04728", "champion": null, "metric": "accuracy", "overall": {"value": 0.9732142857142857, "low": 0.9241945444934212, "high": 0.9908491801252348, "rows": 112}, "gain": null, "rows": 112}');
INSERT INTO public.tasks VALUES ('by_hand-675ea8cab2', 'register', 0, 'done', '', NULL, 1795559104.1708722, 1795559104.8977082, '{"version": "1", "run_key": "adb4946f09aa3c9a0ada57e19effb0a62b7baf47b7355f9c598ef3019a62c62c"}');
INSERT INTO public.tasks VALUES ('by_hand-675ea8cab2', 'review', 0, 'done', '', NULL, 1795559105.3212388, 1795559105.4229796, '{"version": "1", "reviewer": "model.yaml", "via": "spec"}');
INSERT INTO public.tasks VALUES ('digits-6b8e37cc0e', 'review', 0, 'done', '', NULL, 1795559118.858705, 1795559121.499024, '{"version": "1", "reviewer": "rita", "via": "cli"}');
INSERT INTO public.tasks VALUES ('digits-6b8e37cc0e', 'train', 0, 'done', '', '532dde4c4fbd586972ab2bf2d780e107a3107aad23b81fe06bb21d6a68030696', 1795559109.5318246, 1795559115.2975705, '{"run_key": "532dde4c4fbd586972ab2bf2d780e107a3107aad23b81fe06bb21d6a68030696", "seconds": 5.518, "peak_memory": 511217664, "metrics": {"loss": 0.2185387177874683, "accuracy": 0.9930555820465088}}');
INSERT INTO public.tasks VALUES ('digits-6b8e37cc0e', 'package', 0, 'done', '', NULL, 1795559115.8570883, 1795559116.0542238, '{"run_key": "a5fd06a506c7f1f384dedefab1b56554aef6d49042b0595ea3cdc863ba47b20e", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 5.7220458984375e-06, "largest_relative": 1.0386975191067904e-06, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.009, "p99_ms": 0.012, "budget_ms": 50.0}}');
INSERT INTO public.tasks VALUES ('digits-6b8e37cc0e', 'evaluate', 0, 'done', '', NULL, 1795559116.543203, 1795559117.5189734, '{"run_key": "591d90eaf46c08722a85203c96ab69a1cc1a7cd78e681ccccd9c76fc21a26215", "champion": null, "metric": "accuracy", "overall": {"value": 0.952513966480447, "low": 0.9252761804643403, "high": 0.9701436008998783, "rows": 358}, "gain": null, "rows": 358}');
INSERT INTO public.tasks VALUES ('digits-6b8e37cc0e', 'register', 0, 'done', '', NULL, 1795559117.9737594, 1795559118.3631334, '{"version": "1", "run_key": "a5fd06a506c7f1f384dedefab1b56554aef6d49042b0595ea3cdc863ba47b20e"}');
INSERT INTO public.tasks VALUES ('digits-6b8e37cc0e', 'canary', 0, 'done', '', NULL, 1795559122.0188496, 1795559122.5903141, '{"version": "1", "champion": "", "reason": "there is no champion to compare with"}');
INSERT INTO public.tasks VALUES ('digits-6b8e37cc0e', 'promote', 0, 'done', '', NULL, 1795559123.0698264, 1795559123.154022, '{"version": "1", "previous": null}');
INSERT INTO public.tasks VALUES ('points-ac24faeecb', 'package', 0, 'done', '', NULL, 1795559125.1323478, 1795559125.266103, '{"run_key": "c6e947140b211d25c93418632f06c00fdd18543994e2f06d2b4c8059e14f6e09", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 8.487781144594919e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.004, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('points-ac24faeecb', 'train', 0, 'done', '', '97edd95fea3c7ca22a8097c2a0d7aebc49fee5388c6b953ea3f35b32e8f0356f', 1795559115.9588692, 1795559124.7040868, '{"run_key": "97edd95fea3c7ca22a8097c2a0d7aebc49fee5388c6b953ea3f35b32e8f0356f", "seconds": 8.518, "peak_memory": 485421056, "metrics": {"loss": 0.09171264618635178}}');
INSERT INTO public.tasks VALUES ('points-ac24faeecb', 'evaluate', 0, 'done', '', NULL, 1795559125.5896535, 1795559126.0611734, '{"run_key": "6f2b3303e15044d92148c59009f304e71fddaa9a93af6062d267f82a267030cb", "champion": null, "metric": "accuracy", "overall": {"value": 0.9732142857142857, "low": 0.9241945444934212, "high": 0.9908491801252348, "rows": 112}, "gain": null, "rows": 112}');
INSERT INTO public.tasks VALUES ('points-ac24faeecb', 'register', 0, 'done', '', NULL, 1795559126.4526813, 1795559126.7822385, '{"version": "1", "run_key": "c6e947140b211d25c93418632f06c00fdd18543994e2f06d2b4c8059e14f6e09"}');
INSERT INTO public.tasks VALUES ('points-ac24faeecb', 'review', 0, 'done', '', NULL, 1795559127.6581159, 1795559128.573048, '{"version": "1", "reviewer": "rita", "via": "cli"}');
INSERT INTO public.tasks VALUES ('points-6c96654206', 'promote', 0, 'done', '', NULL, 1795559164.4936798, 1795559164.6675105, '{"version": "2", "previous": "1"}');
INSERT INTO public.tasks VALUES ('points-ac24faeecb', 'canary', 0, 'done', '', NULL, 1795559128.9109755, 1795559129.4899945, '{"version": "1", "champion": "", "reason": "there is no champion to compare with"}');
INSERT INTO public.tasks VALUES ('points-ac24faeecb', 'promote', 0, 'done', '', NULL, 1795559129.7903008, 1795559129.8887403, '{"version": "1", "previous": null}');
INSERT INTO public.tasks VALUES ('strayed-b239709bfe', 'train', 0, 'done', '', '30b7ddc2d0b24c03de24aae0af9a8186a58c1badce103aad42f52e3406b151a6', 1795559125.1644678, 1795559132.9324718, '{"run_key": "30b7ddc2d0b24c03de24aae0af9a8186a58c1badce103aad42f52e3406b151a6", "seconds": 7.448, "peak_memory": 485462016, "metrics": {"loss": 0.09171264618635178}}');
INSERT INTO public.tasks VALUES ('strayed-b239709bfe', 'package', 0, 'done', '', NULL, 1795559133.4654026, 1795559133.6031516, '{"run_key": "f683c2e5b79ae522712d1d2d7a825fd126d53d747d8a653777cc28bf92c81d0c", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 8.487781144594919e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.005, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('strayed-b239709bfe', 'evaluate', 0, 'done', '', NULL, 1795559134.003453, 1795559135.044515, '{"run_key": "e5b35eaffe51769bcd075121e58e2df863309d33c8deca9af46f68db8bcf5985", "champion": null, "metric": "accuracy", "overall": {"value": 0.9732142857142857, "low": 0.9241945444934212, "high": 0.9908491801252348, "rows": 112}, "gain": null, "rows": 112}');
INSERT INTO public.tasks VALUES ('strayed-b239709bfe', 'register', 0, 'done', '', NULL, 1795559135.485011, 1795559135.8404841, '{"version": "1", "run_key": "f683c2e5b79ae522712d1d2d7a825fd126d53d747d8a653777cc28bf92c81d0c"}');
INSERT INTO public.tasks VALUES ('points-6c96654206', 'admit', 0, 'done', '', NULL, 1795559146.3538554, 1795559146.406275, '{"dataset": "points@9fb32f5822701000", "trials": 1}');
INSERT INTO public.tasks VALUES ('strayed-b239709bfe', 'review', 0, 'done', '', NULL, 1795559136.2770953, 1795559136.4238093, '{"version": "1", "reviewer": "model.yaml", "via": "spec"}');
INSERT INTO public.tasks VALUES ('strayed-b239709bfe', 'canary', 0, 'done', '', NULL, 1795559136.792831, 1795559137.3845325, '{"version": "1", "champion": "", "reason": "there is no champion to compare with"}');
INSERT INTO public.tasks VALUES ('strayed-b239709bfe', 'promote', 0, 'done', '', NULL, 1795559137.7587378, 1795559137.9490871, '{"version": "1", "previous": null}');
INSERT INTO public.tasks VALUES ('basket-3bade1587a', 'train', 1, 'done', '', '3f04d0566668075c96936da1cd22c58570d4467b205cdd2b77e0ded10f90ff97', 1795559133.3756032, 1795559141.1056163, '{"run_key": "3f04d0566668075c96936da1cd22c58570d4467b205cdd2b77e0ded10f90ff97", "seconds": 7.459, "peak_memory": 486297600, "metrics": {"loss": 0.09171264618635178, "accuracy": 0.9877049326896667}}');
INSERT INTO public.tasks VALUES ('basket-3bade1587a', 'package', 0, 'done', '', NULL, 1795559141.408132, 1795559141.4746473, '{"run_key": "78f06dc29da69dd4ea2303b870fce87e76ddaa008a4104152361672f5cffd262", "trial": 1, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 8.487781144594919e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.006, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('digits-bb7a155e6b', 'register', 0, 'done', '', NULL, 1795559153.006399, 1795559153.3568003, '{"version": "2", "run_key": "848d882a518a1d5e6ff5c6ab6b36a850105229cb90fe51a60a4f213e337d9ca3"}');
INSERT INTO public.tasks VALUES ('basket-3bade1587a', 'evaluate', 0, 'done', '', NULL, 1795559141.8155801, 1795559142.1084924, '{"run_key": "e6e8444a99c00ac73c0341be40e59f859fcf9d26dc40bfb9e5a8e6c503498601", "champion": null, "metric": "accuracy", "overall": {"value": 0.9732142857142857, "low": 0.9241945444934212, "high": 0.9908491801252348, "rows": 112}, "gain": null, "rows": 112}');
INSERT INTO public.tasks VALUES ('basket-3bade1587a', 'register', 0, 'done', '', NULL, 1795559142.5238223, 1795559142.9146826, '{"version": "1", "run_key": "78f06dc29da69dd4ea2303b870fce87e76ddaa008a4104152361672f5cffd262"}');
INSERT INTO public.tasks VALUES ('points-6c96654206', 'validate_data', 0, 'done', '', NULL, 1795559146.6835527, 1795559146.7167482, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/points/__none__/20261124T222457.082042Z/rows-points.html"}');
INSERT INTO public.tasks VALUES ('basket-3bade1587a', 'review', 0, 'done', '', NULL, 1795559143.3553367, 1795559144.1970859, '{"version": "1", "reviewer": "rita", "via": "cli"}');
INSERT INTO public.tasks VALUES ('basket-3bade1587a', 'canary', 0, 'done', '', NULL, 1795559144.3848977, 1795559145.0460682, '{"version": "1", "champion": "", "reason": "there is no champion to compare with"}');
INSERT INTO public.tasks VALUES ('basket-3bade1587a', 'promote', 0, 'done', '', NULL, 1795559145.2176678, 1795559145.3078852, '{"version": "1", "previous": null}');
INSERT INTO public.tasks VALUES ('digits-bb7a155e6b', 'admit', 0, 'done', '', NULL, 1795559145.8933935, 1795559145.9521484, '{"dataset": "digits@2e6156da181ece5f", "trials": 1}');
INSERT INTO public.tasks VALUES ('digits-bb7a155e6b', 'train', 0, 'done', '', '2ff568527621341ef2360f17e577a1326c81f20e77204df906f602c894e4c854', 1795559146.6383235, 1795559151.5916886, '{"run_key": "2ff568527621341ef2360f17e577a1326c81f20e77204df906f602c894e4c854", "seconds": 4.769, "peak_memory": 511254528, "metrics": {"loss": 0.06578953642340586, "accuracy": 1.0}}');
INSERT INTO public.tasks VALUES ('digits-bb7a155e6b', 'validate_data', 0, 'done', '', NULL, 1795559146.2145567, 1795559146.2909596, '{"run_key": "44f838fadd5e26f2bb4c8f5d7acbf6326bc60a08f383f2234a8b14cf894bf319", "checks": 8, "rows": 1797, "page": "validations/digits/__none__/20261124T222456.061044Z/rows-digits.html"}');
INSERT INTO public.tasks VALUES ('digits-bb7a155e6b', 'package', 0, 'done', '', NULL, 1795559151.8479836, 1795559151.9129722, '{"run_key": "848d882a518a1d5e6ff5c6ab6b36a850105229cb90fe51a60a4f213e337d9ca3", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 6.67572021484375e-06, "largest_relative": 1.2183021453893161e-06, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.009, "p99_ms": 0.019, "budget_ms": 50.0}}');
INSERT INTO public.tasks VALUES ('digits-bb7a155e6b', 'evaluate', 0, 'done', '', NULL, 1795559152.2441761, 1795559152.6644747, '{"run_key": "58596631514f3af0971463a2d593e3bafa28e0d33cd24bfc527e8513b405fe58", "champion": "1", "metric": "accuracy", "overall": {"value": 0.9692737430167597, "low": 0.9458255515610634, "high": 0.9827579254092373, "rows": 358}, "gain": {"value": 0.016759776536312776, "low": 0.0027932960893853886, "high": 0.03631284916201116, "rows": 358}, "rows": 358}');
INSERT INTO public.tasks VALUES ('digits-bb7a155e6b', 'review', 0, 'done', '', NULL, 1795559153.6847572, 1795559154.55394, '{"version": "2", "reviewer": "reviewer", "via": "mlflow"}');
INSERT INTO public.tasks VALUES ('points-6c96654206', 'package', 0, 'done', '', NULL, 1795559159.7884154, 1795559159.8490367, '{"run_key": "63e9dca7df7bab57a4935451bb082a42df1bfc6846d9f93eb20b4d8c5f0d7d9a", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 8.487781144594919e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.007, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('digits-bb7a155e6b', 'canary', 0, 'done', '', NULL, 1795559155.001514, 1795559157.2028663, '{"version": "2", "champion": "1", "reason": "all steps passed"}');
INSERT INTO public.tasks VALUES ('digits-bb7a155e6b', 'promote', 0, 'done', '', NULL, 1795559157.7441251, 1795559157.9351883, '{"version": "2", "previous": "1"}');
INSERT INTO public.tasks VALUES ('points-6c96654206', 'train', 0, 'done', '', '6a0703a7b38425e408bcd94e3913853acf036b1a2df5f9a6a4e99382595625dd', 1795559151.8875494, 1795559159.4542184, '{"run_key": "6a0703a7b38425e408bcd94e3913853acf036b1a2df5f9a6a4e99382595625dd", "seconds": 7.409, "peak_memory": 485986304, "metrics": {"loss": 0.09171264618635178}}');
INSERT INTO public.tasks VALUES ('points-6c96654206', 'evaluate', 0, 'done', '', NULL, 1795559160.107649, 1795559160.4014995, '{"run_key": "9856fcf975dbcd5e22ecc57dc4061390d8cc8fdd83e5b70ef930582f2f376986", "champion": "1", "metric": "accuracy", "overall": {"value": 0.9732142857142857, "low": 0.9241945444934212, "high": 0.9908491801252348, "rows": 112}, "gain": {"value": 0.0, "low": 0.0, "high": 0.0, "rows": 112}, "rows": 112}');
INSERT INTO public.tasks VALUES ('points-6c96654206', 'register', 0, 'done', '', NULL, 1795559160.6235352, 1795559160.9647613, '{"version": "2", "run_key": "63e9dca7df7bab57a4935451bb082a42df1bfc6846d9f93eb20b4d8c5f0d7d9a"}');
INSERT INTO public.tasks VALUES ('points-6c96654206', 'review', 0, 'done', '', NULL, 1795559161.3110821, 1795559161.9619107, '{"version": "2", "reviewer": "reviewer", "via": "airflow"}');
INSERT INTO public.tasks VALUES ('points-6c96654206', 'canary', 0, 'done', '', NULL, 1795559162.3248687, 1795559164.1165795, '{"version": "2", "champion": "1", "reason": "all steps passed"}');
INSERT INTO public.tasks VALUES ('points-0886bbfbd6', 'admit', 0, 'done', '', NULL, 1795559166.904549, 1795559166.9851823, '{"dataset": "points@9fb32f5822701000", "trials": 1}');
INSERT INTO public.tasks VALUES ('points-0886bbfbd6', 'validate_data', 0, 'done', '', NULL, 1795559167.5411556, 1795559167.6853046, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/points/__none__/20261124T222457.082042Z/rows-points.html"}');
INSERT INTO public.tasks VALUES ('basket-a5c44954cc', 'admit', 0, 'done', '', NULL, 1795559167.7637715, 1795559167.9822671, '{"dataset": "points@9fb32f5822701000", "trials": 2}');
INSERT INTO public.tasks VALUES ('by_hand-9ae9abb315', 'admit', 0, 'done', '', NULL, 1795559168.4685829, 1795559168.5438454, '{"dataset": "points@9fb32f5822701000", "trials": 1}');
INSERT INTO public.tasks VALUES ('basket-a5c44954cc', 'validate_data', 0, 'done', '', NULL, 1795559168.8539696, 1795559169.0293224, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/points/__none__/20261124T222457.082042Z/rows-points.html"}');
INSERT INTO public.tasks VALUES ('by_hand-9ae9abb315', 'train', 0, 'done', '', 'f86d5e33af9361de7f47f22ccff463a814fc3c86642395381e4d554e68c5962c', 1795559184.400626, 1795559190.9279194, '{"run_key": "f86d5e33af9361de7f47f22ccff463a814fc3c86642395381e4d554e68c5962c", "seconds": 6.351, "peak_memory": 485515264, "metrics": {"loss": 0.09171264618635178}}');
INSERT INTO public.tasks VALUES ('by_hand-9ae9abb315', 'validate_data', 0, 'done', '', NULL, 1795559169.3072472, 1795559169.5355444, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/points/__none__/20261124T222457.082042Z/rows-points.html"}');
INSERT INTO public.tasks VALUES ('strayed-027e4d8069', 'admit', 0, 'done', '', NULL, 1795559169.7435746, 1795559169.868059, '{"dataset": "points@9fb32f5822701000", "trials": 1}');
INSERT INTO public.tasks VALUES ('strayed-027e4d8069', 'validate_data', 0, 'done', '', NULL, 1795559170.4565265, 1795559170.673603, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/points/__none__/20261124T222457.082042Z/rows-points.html"}');
INSERT INTO public.tasks VALUES ('points-0886bbfbd6', 'train', 0, 'done', '', '82f0d450e5b3be1b9d40bf19485bcbe00253fd900553c02b3dc85ff17775342f', 1795559168.5009158, 1795559176.3013742, '{"run_key": "82f0d450e5b3be1b9d40bf19485bcbe00253fd900553c02b3dc85ff17775342f", "seconds": 7.336, "peak_memory": 485404672, "metrics": {"loss": 0.09171264618635178}}');
INSERT INTO public.tasks VALUES ('points-0886bbfbd6', 'package', 0, 'done', '', NULL, 1795559176.924314, 1795559177.0341852, '{"run_key": "09f4339bf236b42822b1b0296f3cb190a7197d4116b82547cf8b3d2bab3adb3e", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 8.487781144594919e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.006, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('by_hand-9ae9abb315', 'package', 0, 'done', '', NULL, 1795559191.542388, 1795559191.703089, '{"run_key": "ff6b8a4f2a73fb30f945eec2823040f2eb1218aae0f07c83dd9282e1d0b7c318", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 8.487781144594919e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.005, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('points-0886bbfbd6', 'evaluate', 0, 'done', '', NULL, 1795559177.4195738, 1795559178.0018919, '{"run_key": "de6235ed57b5092a6fc8022c3c1ef7c4c6b1932799b0c428c471934b8e091fc0", "champion": "1", "metric": "accuracy", "overall": {"value": 0.9732142857142857, "low": 0.9241945444934212, "high": 0.9908491801252348, "rows": 112}, "gain": {"value": 0.0, "low": 0.0, "high": 0.0, "rows": 112}, "rows": 112}');
INSERT INTO public.tasks VALUES ('points-0886bbfbd6', 'register', 0, 'done', '', NULL, 1795559178.2991245, 1795559178.808469, '{"version": "3", "run_key": "09f4339bf236b42822b1b0296f3cb190a7197d4116b82547cf8b3d2bab3adb3e"}');
INSERT INTO public.tasks VALUES ('basket-a5c44954cc', 'package', 0, 'done', '', NULL, 1795559203.9540906, 1795559204.0281084, '{"run_key": "14067e93d3ed41f843d877aaffb20a27758a69f2dbf345a9ab9418cc290a4a98", "trial": 1, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 8.487781144594919e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.006, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('by_hand-9ae9abb315', 'evaluate', 0, 'done', '', NULL, 1795559192.242879, 1795559193.1142275, '{"run_key": "b83e62148606aa3a3888d1329a914875915df71e290838cd26397fccaee2dfc0", "champion": "1", "metric": "accuracy", "overall": {"value": 0.9732142857142857, "low": 0.9241945444934212, "high": 0.9908491801252348, "rows": 112}, "gain": {"value": 0.0, "low": 0.0, "high": 0.0, "rows": 112}, "rows": 112}');
INSERT INTO public.tasks VALUES ('points-0886bbfbd6', 'review', 0, 'failed', 'rita rejected version 3: worse on the right side', NULL, 1795559179.3281438, 1795559182.2210684, '{}');
INSERT INTO public.tasks VALUES ('by_hand-9ae9abb315', 'register', 0, 'done', '', NULL, 1795559193.902311, 1795559194.6664162, '{"version": "2", "run_key": "ff6b8a4f2a73fb30f945eec2823040f2eb1218aae0f07c83dd9282e1d0b7c318"}');
INSERT INTO public.tasks VALUES ('basket-a5c44954cc', 'train', 0, 'done', '', 'f3d6805593fcfb98a4afd9c01c252528b45fbc40e98328d6092e0d456fee2a1a', 1795559176.681231, 1795559184.0070226, '{"run_key": "f3d6805593fcfb98a4afd9c01c252528b45fbc40e98328d6092e0d456fee2a1a", "seconds": 6.982, "peak_memory": 486432768, "metrics": {"loss": 0.2089904397726059, "accuracy": 0.8975409865379333}}');
INSERT INTO public.tasks VALUES ('strayed-027e4d8069', 'evaluate', 0, 'done', '', NULL, 1795559198.8104177, 1795559199.1580133, '{"run_key": "c272b6e97a0069f39959e420751f1e7c618e5233b1e76bcc95d148832f0d4303", "champion": "1", "metric": "accuracy", "overall": {"value": 0.9732142857142857, "low": 0.9241945444934212, "high": 0.9908491801252348, "rows": 112}, "gain": {"value": 0.0, "low": 0.0, "high": 0.0, "rows": 112}, "rows": 112}');
INSERT INTO public.tasks VALUES ('strayed-027e4d8069', 'train', 0, 'done', '', '526d8a2f0700dcb31f34b52787953a1506dfc4690d4263611aba2d4a6bf29e1d', 1795559191.6530268, 1795559198.2113395, '{"run_key": "526d8a2f0700dcb31f34b52787953a1506dfc4690d4263611aba2d4a6bf29e1d", "seconds": 6.069, "peak_memory": 485896192, "metrics": {"loss": 0.09171264618635178}}');
INSERT INTO public.tasks VALUES ('strayed-027e4d8069', 'package', 0, 'done', '', NULL, 1795559198.4470086, 1795559198.5288346, '{"run_key": "ed79cc03cd7ba1499b68a8bf53f218c1d228223722e50d56663d455aa0ae6823", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 8.487781144594919e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.006, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('strayed-027e4d8069', 'register', 0, 'done', '', NULL, 1795559199.455849, 1795559199.8212125, '{"version": "2", "run_key": "ed79cc03cd7ba1499b68a8bf53f218c1d228223722e50d56663d455aa0ae6823"}');
INSERT INTO public.tasks VALUES ('basket-a5c44954cc', 'train', 1, 'done', '', '3bb0638968544eaf821dc7c942e15e03558d2a0606ca4942cf3d854060549898', 1795559198.5067785, 1795559203.6644077, '{"run_key": "3bb0638968544eaf821dc7c942e15e03558d2a0606ca4942cf3d854060549898", "seconds": 4.942, "peak_memory": 486248448, "metrics": {"loss": 0.09171264618635178, "accuracy": 0.9877049326896667}}');
INSERT INTO public.tasks VALUES ('digits-4ac275e31e', 'validate_data', 0, 'done', '', NULL, 1795559247.187018, 1795559247.2156887, '{"run_key": "44f838fadd5e26f2bb4c8f5d7acbf6326bc60a08f383f2234a8b14cf894bf319", "checks": 8, "rows": 1797, "page": "validations/digits/__none__/20261124T222456.061044Z/rows-digits.html"}');
INSERT INTO public.tasks VALUES ('by_hand-9ae9abb315', 'review', 0, 'failed', 'reviewer rejected version 2: not this one', NULL, 1795559195.0677292, 1795559208.8042674, '{}');
INSERT INTO public.tasks VALUES ('strayed-027e4d8069', 'review', 0, 'done', '', NULL, 1795559200.1871765, 1795559209.7144663, '{"version": "2", "reviewer": "rita", "via": "cli"}');
INSERT INTO public.tasks VALUES ('basket-a5c44954cc', 'evaluate', 0, 'done', '', NULL, 1795559204.4061499, 1795559204.753401, '{"run_key": "c4f74a0b5044bef713b5094ba82ac66160059bc3fb2d09addf83272309455f56", "champion": "1", "metric": "accuracy", "overall": {"value": 0.9732142857142857, "low": 0.9241945444934212, "high": 0.9908491801252348, "rows": 112}, "gain": {"value": 0.0, "low": 0.0, "high": 0.0, "rows": 112}, "rows": 112}');
INSERT INTO public.tasks VALUES ('basket-a5c44954cc', 'register', 0, 'done', '', NULL, 1795559205.0600717, 1795559205.6186996, '{"version": "2", "run_key": "14067e93d3ed41f843d877aaffb20a27758a69f2dbf345a9ab9418cc290a4a98"}');
INSERT INTO public.tasks VALUES ('points-8d6e0dac67', 'validate_data', 0, 'done', '', NULL, 1795559228.0203953, 1795559228.0461898, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/points/__none__/20261124T222457.082042Z/rows-points.html"}');
INSERT INTO public.tasks VALUES ('basket-a5c44954cc', 'review', 0, 'done', '', NULL, 1795559205.9577122, 1795559206.7845738, '{"version": "2", "reviewer": "reviewer", "via": "mlflow"}');
INSERT INTO public.tasks VALUES ('basket-a5c44954cc', 'canary', 0, 'failed', 'version 2 was reverted: complaints', NULL, 1795559207.067539, 1795559208.1458578, '{}');
INSERT INTO public.tasks VALUES ('points-a7fea3ae76', 'validate_data', 0, 'done', '', NULL, 1795559237.0476358, 1795559239.6015074, '{"run_key": "926b8a5e9b0309af9ab22fde6c30abe4b64c84e6e6d00bda61bd69c3ce8338ea", "checks": 5, "rows": 500, "page": "validations/points/__none__/20261124T222719.344628Z/rows-points.html"}');
INSERT INTO public.tasks VALUES ('strayed-027e4d8069', 'canary', 0, 'done', '', NULL, 1795559210.0478768, 1795559211.8382895, '{"version": "2", "champion": "1", "reason": "all steps passed"}');
INSERT INTO public.tasks VALUES ('strayed-027e4d8069', 'promote', 0, 'done', '', NULL, 1795559212.302739, 1795559212.5197985, '{"version": "2", "previous": "1"}');
INSERT INTO public.tasks VALUES ('points-535a3a3332', 'admit', 0, 'done', '', NULL, 1795559214.7697105, 1795559214.829724, '{"dataset": "points@9fb32f5822701000", "trials": 1}');
INSERT INTO public.tasks VALUES ('points-8d6e0dac67', 'train', 0, 'done', '', '33cbf53064908cd9685c56a6aab2493a10fdc1f953e7494a019f19170ab29055', 1795559228.252254, 1795559233.029652, '{"run_key": "33cbf53064908cd9685c56a6aab2493a10fdc1f953e7494a019f19170ab29055", "seconds": 4.534, "peak_memory": 485588992, "metrics": {"loss": 0.09171264618635178}}');
INSERT INTO public.tasks VALUES ('points-535a3a3332', 'validate_data', 0, 'done', '', NULL, 1795559215.153812, 1795559215.1867187, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/points/__none__/20261124T222457.082042Z/rows-points.html"}');
INSERT INTO public.tasks VALUES ('points-535a3a3332', 'train', 0, 'done', '', 'f7d4413ecbba2b94ab1237a671d72aacdf8e52cbc6d4eac4e58341cc7e450a66', 1795559215.4934616, 1795559221.4343133, '{"run_key": "f7d4413ecbba2b94ab1237a671d72aacdf8e52cbc6d4eac4e58341cc7e450a66", "seconds": 5.736, "peak_memory": 485584896, "metrics": {"loss": 0.07012006640434265}}');
INSERT INTO public.tasks VALUES ('points-535a3a3332', 'package', 0, 'done', '', NULL, 1795559221.6759684, 1795559221.7375824, '{"run_key": "35eedc0aef655eb49cb01ccbc9eeb7d9e4d0dafd80612be78899c381d3a5291b", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 9.97843443428792e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.005, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('points-8d6e0dac67', 'package', 0, 'done', '', NULL, 1795559233.197527, 1795559233.254042, '{"run_key": "5a7218363cc096c8fe8b2a5e53bbeed0f6cfda0eb52ad10971b5bf4ebf31a365", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 8.487781144594919e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.006, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('points-535a3a3332', 'evaluate', 0, 'failed', 'accuracy is 0.0268, evaluate.min asks for 0.7; accuracy differs from the champion''s by -0.9464, evaluate.vs_champion asks for >= -0.05. See the evaluation in the run''s report.', NULL, 1795559222.01629, 1795559222.3207953, '{"run_key": "46812092de81edd42042dd1458862defde17e202d71016b73d7c648c3b9a19c4", "champion": "1", "metric": "accuracy", "overall": {"value": 0.026785714285714284, "low": 0.009150819874765084, "high": 0.07580545550657873, "rows": 112}, "gain": {"value": -0.9464285714285714, "low": -1.0, "high": -0.875, "rows": 112}, "rows": 112}');
INSERT INTO public.tasks VALUES ('points-8c79c62a32', 'admit', 0, 'done', '', NULL, 1795559223.0272138, 1795559223.0730042, '{"dataset": "points@9fb32f5822701000", "trials": 1}');
INSERT INTO public.tasks VALUES ('points-8c79c62a32', 'validate_data', 0, 'done', '', NULL, 1795559223.2932515, 1795559223.323238, '{"run_key": "3dbdba3106e236cad26dd48dfa3d65e3a10123a494f2d2ad2a99fecfc4364182", "checks": 5, "rows": 600, "page": "validations/points/__none__/20261124T222457.082042Z/rows-points.html"}');
INSERT INTO public.tasks VALUES ('points-8d6e0dac67', 'evaluate', 0, 'done', '', NULL, 1795559233.4241903, 1795559233.67555, '{"run_key": "1e04b2add941b453be4a58bc0e56b316a8e43e089ad6fa4e91453f37e116db9a", "champion": "1", "metric": "accuracy", "overall": {"value": 0.9732142857142857, "low": 0.9241945444934212, "high": 0.9908491801252348, "rows": 112}, "gain": {"value": 0.0, "low": 0.0, "high": 0.0, "rows": 112}, "rows": 112}');
INSERT INTO public.tasks VALUES ('points-8c79c62a32', 'train', 0, 'failed', 'wrong dataset', 'eb4db5b132662ac5b2a00b4d0ee9dfff55062930cc8aa1350d3c9f67c7e26cc0', 1795559223.5705981, 1795559227.4792378, '{}');
INSERT INTO public.tasks VALUES ('points-8d6e0dac67', 'admit', 0, 'done', '', NULL, 1795559227.7179327, 1795559227.8114812, '{"dataset": "points@9fb32f5822701000", "trials": 1}');
INSERT INTO public.tasks VALUES ('points-8d6e0dac67', 'register', 0, 'done', '', NULL, 1795559233.8607256, 1795559234.1164815, '{"version": "4", "run_key": "5a7218363cc096c8fe8b2a5e53bbeed0f6cfda0eb52ad10971b5bf4ebf31a365"}');
INSERT INTO public.tasks VALUES ('points-8d6e0dac67', 'review', 0, 'failed', 'not needed any more', NULL, 1795559234.3389575, 1795559234.820029, '{}');
INSERT INTO public.tasks VALUES ('points-a7fea3ae76', 'admit', 0, 'done', '', NULL, 1795559236.5395155, 1795559236.607921, '{"dataset": "points@8a12823ecfc41a9a", "trials": 1}');
INSERT INTO public.tasks VALUES ('points-a7fea3ae76', 'train', 0, 'done', '', '69726bd60e8429caa4460f0d62778b631cfbb793fb3602c4269b4763ce0b21b2', 1795559240.0552635, 1795559245.1341195, '{"run_key": "69726bd60e8429caa4460f0d62778b631cfbb793fb3602c4269b4763ce0b21b2", "seconds": 4.975, "peak_memory": 485662720, "metrics": {"loss": 0.09038796275854111}}');
INSERT INTO public.tasks VALUES ('points-a7fea3ae76', 'package', 0, 'done', '', NULL, 1795559245.3067608, 1795559245.3614378, '{"run_key": "a6336b8e3d548ffafccfcf3bc313b133b7976142a78a3aa84360183742ac8c0e", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 4.76837158203125e-07, "largest_relative": 9.291775882047659e-08, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.004, "p99_ms": 0.005, "budget_ms": 100.0}}');
INSERT INTO public.tasks VALUES ('points-a7fea3ae76', 'evaluate', 0, 'done', '', NULL, 1795559245.531401, 1795559245.7805421, '{"run_key": "31f9ea791b6eb8a45ab452f5737fae6cddf9aa11b900b939c7faf021fc34e5f9", "champion": "1", "metric": "accuracy", "overall": {"value": 0.968421052631579, "low": 0.9112290128908604, "high": 0.9892028606095589, "rows": 95}, "gain": {"value": 0.0, "low": 0.0, "high": 0.0, "rows": 95}, "rows": 95}');
INSERT INTO public.tasks VALUES ('points-a7fea3ae76', 'register', 0, 'done', '', NULL, 1795559245.9509838, 1795559246.1929371, '{"version": "5", "run_key": "a6336b8e3d548ffafccfcf3bc313b133b7976142a78a3aa84360183742ac8c0e"}');
INSERT INTO public.tasks VALUES ('points-a7fea3ae76', 'review', 0, 'running', 'waiting for a person', NULL, 1795559246.375451, NULL, '{}');
INSERT INTO public.tasks VALUES ('digits-4ac275e31e', 'admit', 0, 'done', '', NULL, 1795559246.9512935, 1795559246.9978118, '{"dataset": "digits@2e6156da181ece5f", "trials": 1}');
INSERT INTO public.tasks VALUES ('digits-4ac275e31e', 'train', 0, 'done', '', '8faf8ee2ef706abe42a49e2d67000df8d60ebb4ba26d6fcc2255198d73f8f56e', 1795559247.4268754, 1795559253.3096542, '{"run_key": "8faf8ee2ef706abe42a49e2d67000df8d60ebb4ba26d6fcc2255198d73f8f56e", "seconds": 5.664, "peak_memory": 511418368, "metrics": {"loss": 0.028210022303358468, "accuracy": 1.0}}');
INSERT INTO public.tasks VALUES ('digits-4ac275e31e', 'package', 0, 'done', '', NULL, 1795559253.6275797, 1795559253.6889164, '{"run_key": "925990b4da3c422945f887a5af73f15dba85f4975a9583831410949a81fdf197", "trial": 0, "parity": {"rows": 64, "tolerance": 0.0001, "largest_absolute": 9.5367431640625e-06, "largest_relative": 1.2434480822776095e-06, "largest_batch_effect": 0.0}, "latency": {"runs": 200, "p50_ms": 0.008, "p99_ms": 0.009, "budget_ms": 50.0}}');
INSERT INTO public.tasks VALUES ('digits-4ac275e31e', 'evaluate', 0, 'done', '', NULL, 1795559253.9747624, 1795559254.3338406, '{"run_key": "23e503b431bc541fc60e7a8cc91dbfe3aa4883208b8b2ea0a01030350a178af1", "champion": "2", "metric": "accuracy", "overall": {"value": 0.9804469273743017, "low": 0.9601956935191505, "high": 0.9904969138552051, "rows": 358}, "gain": {"value": 0.011173184357541999, "low": -0.0042597765363128, "high": 0.02939944134078204, "rows": 358}, "rows": 358}');
INSERT INTO public.tasks VALUES ('digits-4ac275e31e', 'register', 0, 'done', '', NULL, 1795559254.6251397, 1795559254.9118729, '{"version": "3", "run_key": "925990b4da3c422945f887a5af73f15dba85f4975a9583831410949a81fdf197"}');
INSERT INTO public.tasks VALUES ('digits-4ac275e31e', 'review', 0, 'done', '', NULL, 1795559255.2009444, 1795559256.0604205, '{"version": "3", "reviewer": "rita", "via": "cli"}');
INSERT INTO public.tasks VALUES ('digits-4ac275e31e', 'canary', 0, 'running', 'waiting for the release controller', NULL, 1795559256.308908, NULL, '{}');

--
-- Data for Name: usage; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.usage VALUES ('a801aa85d451b4e1277521ee39333081f7c357bcfccc7f14aa68803d9fb771e7', 'by_hand-675ea8cab2', 'default', 4.798, 0, 485629952, 1795559102.2033474);
INSERT INTO public.usage VALUES ('a452cddad87b4bde04a49b59667c03a3e62df2ba503b180c3470a7414768a922', 'basket-3bade1587a', 'shopping', 6.263, 0, 486350848, 1795559109.2054665);
INSERT INTO public.usage VALUES ('532dde4c4fbd586972ab2bf2d780e107a3107aad23b81fe06bb21d6a68030696', 'digits-6b8e37cc0e', 'default', 5.518, 0, 511217664, 1795559115.2901227);
INSERT INTO public.usage VALUES ('97edd95fea3c7ca22a8097c2a0d7aebc49fee5388c6b953ea3f35b32e8f0356f', 'points-ac24faeecb', 'default', 8.518, 0, 485421056, 1795559124.6982641);
INSERT INTO public.usage VALUES ('30b7ddc2d0b24c03de24aae0af9a8186a58c1badce103aad42f52e3406b151a6', 'strayed-b239709bfe', 'default', 7.448, 0, 485462016, 1795559132.9209542);
INSERT INTO public.usage VALUES ('3f04d0566668075c96936da1cd22c58570d4467b205cdd2b77e0ded10f90ff97', 'basket-3bade1587a', 'shopping', 7.459, 0, 486297600, 1795559141.102008);
INSERT INTO public.usage VALUES ('2ff568527621341ef2360f17e577a1326c81f20e77204df906f602c894e4c854', 'digits-bb7a155e6b', 'default', 4.769, 0, 511254528, 1795559151.5883262);
INSERT INTO public.usage VALUES ('6a0703a7b38425e408bcd94e3913853acf036b1a2df5f9a6a4e99382595625dd', 'points-6c96654206', 'default', 7.409, 0, 485986304, 1795559159.4463017);
INSERT INTO public.usage VALUES ('82f0d450e5b3be1b9d40bf19485bcbe00253fd900553c02b3dc85ff17775342f', 'points-0886bbfbd6', 'default', 7.336, 0, 485404672, 1795559176.2963355);
INSERT INTO public.usage VALUES ('f3d6805593fcfb98a4afd9c01c252528b45fbc40e98328d6092e0d456fee2a1a', 'basket-a5c44954cc', 'shopping', 6.982, 0, 486432768, 1795559184.0033915);
INSERT INTO public.usage VALUES ('f86d5e33af9361de7f47f22ccff463a814fc3c86642395381e4d554e68c5962c', 'by_hand-9ae9abb315', 'default', 6.351, 0, 485515264, 1795559190.922626);
INSERT INTO public.usage VALUES ('526d8a2f0700dcb31f34b52787953a1506dfc4690d4263611aba2d4a6bf29e1d', 'strayed-027e4d8069', 'default', 6.069, 0, 485896192, 1795559198.2064717);
INSERT INTO public.usage VALUES ('3bb0638968544eaf821dc7c942e15e03558d2a0606ca4942cf3d854060549898', 'basket-a5c44954cc', 'shopping', 4.942, 0, 486248448, 1795559203.6607645);
INSERT INTO public.usage VALUES ('f7d4413ecbba2b94ab1237a671d72aacdf8e52cbc6d4eac4e58341cc7e450a66', 'points-535a3a3332', 'default', 5.736, 0, 485584896, 1795559221.4295495);
INSERT INTO public.usage VALUES ('33cbf53064908cd9685c56a6aab2493a10fdc1f953e7494a019f19170ab29055', 'points-8d6e0dac67', 'default', 4.534, 0, 485588992, 1795559233.0260355);
INSERT INTO public.usage VALUES ('69726bd60e8429caa4460f0d62778b631cfbb793fb3602c4269b4763ce0b21b2', 'points-a7fea3ae76', 'default', 4.975, 0, 485662720, 1795559245.1310036);
INSERT INTO public.usage VALUES ('8faf8ee2ef706abe42a49e2d67000df8d60ebb4ba26d6fcc2255198d73f8f56e', 'digits-4ac275e31e', 'default', 5.664, 0, 511418368, 1795559253.306013);

--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users VALUES ('root', 'admin', '9130fe1d738bbc583f29acaf92da9e44090332cbe5853a7c6290df77df16c0c3', 1795559069.615727);
INSERT INTO public.users VALUES ('reviewer', 'reviewer', 'abb518c14f61e07f197deb70e0d8cede7e416e0741f4c816461226ff8c51b039', 1795559069.6192021);
INSERT INTO public.users VALUES ('anna', 'researcher', '8b02ff4af1db15eeac58e59c3849d10487553e326f89aced7d4b645a3379378f', 1795559083.6970944);
INSERT INTO public.users VALUES ('rita', 'reviewer', '75300a3e6f758be6c734edbc3cade4c16ccaf9104f646e01811d1d12d8b40da0', 1795559083.9554322);

--
-- Name: ledger_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.ledger_id_seq', 11, true);

--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

--
-- Name: candidates candidates_model_version_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.candidates
    ADD CONSTRAINT candidates_model_version_key UNIQUE (model, version);

--
-- Name: candidates candidates_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.candidates
    ADD CONSTRAINT candidates_pkey PRIMARY KEY (submission, package_digest);

--
-- Name: endpoints endpoints_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_pkey PRIMARY KEY (model);

--
-- Name: ledger ledger_identity_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_identity_key UNIQUE (identity);

--
-- Name: ledger ledger_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (id);

--
-- Name: reviews reviews_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reviews
    ADD CONSTRAINT reviews_pkey PRIMARY KEY (submission);

--
-- Name: rollouts rollouts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rollouts
    ADD CONSTRAINT rollouts_pkey PRIMARY KEY (submission);

--
-- Name: submissions submissions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.submissions
    ADD CONSTRAINT submissions_pkey PRIMARY KEY (id);

--
-- Name: submissions submissions_submitter_idempotency_key_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.submissions
    ADD CONSTRAINT submissions_submitter_idempotency_key_key UNIQUE (submitter, idempotency_key);

--
-- Name: tasks tasks_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (submission, name, trial);

--
-- Name: usage usage_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_pkey PRIMARY KEY (run_key);

--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (name);

--
-- Name: users users_token_sha256_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_token_sha256_key UNIQUE (token_sha256);

--
-- Name: ix_ledger_model; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_ledger_model ON public.ledger USING btree (model);

--
-- Name: ix_reviews_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_reviews_state ON public.reviews USING btree (state);

--
-- Name: ix_submissions_created; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_submissions_created ON public.submissions USING btree (created);

--
-- Name: ix_submissions_model; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_submissions_model ON public.submissions USING btree (model);

--
-- Name: ix_submissions_state; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_submissions_state ON public.submissions USING btree (state);

--
-- Name: ix_tasks_run_key; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_tasks_run_key ON public.tasks USING btree (run_key);

--
-- Name: ix_usage_team; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX ix_usage_team ON public.usage USING btree (team);

--
-- Name: rollouts_by_model; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX rollouts_by_model ON public.rollouts USING btree (model, created);

--
-- Name: candidates jinsu_notify; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER jinsu_notify AFTER INSERT OR DELETE OR UPDATE ON public.candidates FOR EACH ROW EXECUTE FUNCTION public.jinsu_notify('ready');

--
-- Name: endpoints jinsu_notify; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER jinsu_notify AFTER INSERT OR DELETE OR UPDATE ON public.endpoints FOR EACH ROW EXECUTE FUNCTION public.jinsu_notify('champion');

--
-- Name: reviews jinsu_notify; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER jinsu_notify AFTER INSERT OR DELETE OR UPDATE ON public.reviews FOR EACH ROW EXECUTE FUNCTION public.jinsu_notify('state');

--
-- Name: rollouts jinsu_notify; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER jinsu_notify AFTER INSERT OR DELETE OR UPDATE ON public.rollouts FOR EACH ROW EXECUTE FUNCTION public.jinsu_notify('command');

--
-- Name: submissions jinsu_notify; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER jinsu_notify AFTER INSERT OR DELETE OR UPDATE ON public.submissions FOR EACH ROW EXECUTE FUNCTION public.jinsu_notify('state');

--
-- Name: candidates candidates_submission_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.candidates
    ADD CONSTRAINT candidates_submission_fkey FOREIGN KEY (submission) REFERENCES public.submissions(id);

--
-- Name: reviews reviews_submission_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.reviews
    ADD CONSTRAINT reviews_submission_fkey FOREIGN KEY (submission) REFERENCES public.submissions(id);

--
-- Name: rollouts rollouts_submission_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rollouts
    ADD CONSTRAINT rollouts_submission_fkey FOREIGN KEY (submission) REFERENCES public.submissions(id);

--
-- Name: tasks tasks_submission_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_submission_fkey FOREIGN KEY (submission) REFERENCES public.submissions(id);

--
-- Name: usage usage_submission_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.usage
    ADD CONSTRAINT usage_submission_fkey FOREIGN KEY (submission) REFERENCES public.submissions(id);

--
-- PostgreSQL database dump complete
--

