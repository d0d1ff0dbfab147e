CREATE INDEX ix_search_entry_words ON search_entry USING gin (to_tsvector('simple'::regconfig, words))

CREATE FUNCTION guard_audit_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'parcelflow: append
only'; END $$

CREATE TRIGGER guard_audit_event BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION
guard_audit_event()

CREATE FUNCTION guard_document() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN IF EXISTS (SELECT
1 FROM parcel WHERE parcel.id = NEW.parcel_id AND parcel.sealed_at IS NOT NULL) THEN RAISE EXCEPTION 'parcelflow:
sealed'; END IF; ELSE IF EXISTS (SELECT 1 FROM parcel WHERE parcel.id = OLD.parcel_id AND parcel.sealed_at IS NOT NULL)
THEN RAISE EXCEPTION 'parcelflow: sealed'; END IF; END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END
$$

CREATE TRIGGER guard_document BEFORE INSERT OR UPDATE OR DELETE ON "document" FOR EACH ROW EXECUTE FUNCTION
guard_document()

CREATE FUNCTION guard_index_field() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN IF EXISTS
(SELECT 1 FROM parcel WHERE parcel.id = NEW.parcel_id AND parcel.sealed_at IS NOT NULL) THEN RAISE EXCEPTION
'parcelflow: sealed'; END IF; ELSE IF EXISTS (SELECT 1 FROM parcel WHERE parcel.id = OLD.parcel_id AND parcel.sealed_at
IS NOT NULL) THEN RAISE EXCEPTION 'parcelflow: sealed'; END IF; END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
RETURN NEW; END $$

CREATE TRIGGER guard_index_field BEFORE INSERT OR UPDATE OR DELETE ON "index_field" FOR EACH ROW EXECUTE FUNCTION
guard_index_field()

CREATE FUNCTION guard_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN IF EXISTS (SELECT 1
FROM parcel WHERE parcel.id = NEW.parcel_id AND parcel.sealed_at IS NOT NULL) THEN RAISE EXCEPTION 'parcelflow: sealed';
END IF; ELSE IF EXISTS (SELECT 1 FROM parcel WHERE parcel.id = OLD.parcel_id AND parcel.sealed_at IS NOT NULL) THEN
RAISE EXCEPTION 'parcelflow: sealed'; END IF; END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$

CREATE TRIGGER guard_order BEFORE INSERT OR UPDATE OR DELETE ON "order" FOR EACH ROW EXECUTE FUNCTION guard_order()

CREATE FUNCTION guard_rendition() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN IF EXISTS
(SELECT 1 FROM parcel WHERE parcel.id = (SELECT parcel_id FROM document WHERE document.id = NEW.document_id) AND
parcel.sealed_at IS NOT NULL) THEN RAISE EXCEPTION 'parcelflow: sealed'; END IF; ELSE IF EXISTS (SELECT 1 FROM parcel
WHERE parcel.id = (SELECT parcel_id FROM document WHERE document.id = OLD.document_id) AND parcel.sealed_at IS NOT NULL)
THEN RAISE EXCEPTION 'parcelflow: sealed'; END IF; END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END
$$

CREATE TRIGGER guard_rendition BEFORE INSERT OR UPDATE OR DELETE ON "rendition" FOR EACH ROW EXECUTE FUNCTION
guard_rendition()

CREATE FUNCTION guard_page() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN IF EXISTS (SELECT 1
FROM parcel WHERE parcel.id = (SELECT parcel_id FROM document WHERE document.id = NEW.document_id) AND parcel.sealed_at
IS NOT NULL) THEN RAISE EXCEPTION 'parcelflow: sealed'; END IF; ELSE IF EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
(SELECT parcel_id FROM document WHERE document.id = OLD.document_id) AND parcel.sealed_at IS NOT NULL) THEN RAISE
EXCEPTION 'parcelflow: sealed'; END IF; END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$

CREATE TRIGGER guard_page BEFORE INSERT OR UPDATE OR DELETE ON "page" FOR EACH ROW EXECUTE FUNCTION guard_page()

CREATE FUNCTION guard_order_line() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF TG_OP = 'INSERT' THEN IF EXISTS
(SELECT 1 FROM parcel WHERE parcel.id = (SELECT parcel_id FROM "order" WHERE "order".id = NEW.order_id) AND
parcel.sealed_at IS NOT NULL) THEN RAISE EXCEPTION 'parcelflow: sealed'; END IF; ELSE IF EXISTS (SELECT 1 FROM parcel
WHERE parcel.id = (SELECT parcel_id FROM "order" WHERE "order".id = OLD.order_id) AND parcel.sealed_at IS NOT NULL) THEN
RAISE EXCEPTION 'parcelflow: sealed'; END IF; END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$

CREATE TRIGGER guard_order_line BEFORE INSERT OR UPDATE OR DELETE ON "order_line" FOR EACH ROW EXECUTE FUNCTION
guard_order_line()

CREATE FUNCTION guard_parcel() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.sealed_at IS NOT NULL AND (TG_OP =
'DELETE' OR NEW.number IS DISTINCT FROM OLD.number OR NEW.channel IS DISTINCT FROM OLD.channel OR NEW.source_key IS
DISTINCT FROM OLD.source_key OR NEW.received_at IS DISTINCT FROM OLD.received_at OR NEW.process_key IS DISTINCT FROM
OLD.process_key OR NEW.parent_id IS DISTINCT FROM OLD.parent_id OR NEW.customer_id IS DISTINCT FROM OLD.customer_id OR
NEW.owner_id IS DISTINCT FROM OLD.owner_id OR NEW.sender IS DISTINCT FROM OLD.sender OR NEW.subject IS DISTINCT FROM
OLD.subject OR NEW.profile IS DISTINCT FROM OLD.profile OR NEW.duplicate_of_id IS DISTINCT FROM OLD.duplicate_of_id OR
NEW.sealed_at IS DISTINCT FROM OLD.sealed_at OR NEW.manifest_sha256 IS DISTINCT FROM OLD.manifest_sha256 OR
NEW.retention_until IS NULL OR NEW.retention_until < OLD.retention_until) THEN RAISE EXCEPTION 'parcelflow: sealed'; END
IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$

CREATE TRIGGER guard_parcel BEFORE UPDATE OR DELETE ON parcel FOR EACH ROW WHEN (OLD.sealed_at IS NOT NULL) EXECUTE
FUNCTION guard_parcel()
