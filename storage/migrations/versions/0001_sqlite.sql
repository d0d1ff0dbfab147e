CREATE VIRTUAL TABLE search_words USING fts5(words, content='search_entry', content_rowid='id', tokenize='unicode61
remove_diacritics 0', prefix='2 3')

CREATE TRIGGER search_entry_insert AFTER INSERT ON search_entry BEGIN INSERT INTO search_words(rowid, words) VALUES
(NEW.id, NEW.words); END

CREATE TRIGGER search_entry_delete AFTER DELETE ON search_entry BEGIN INSERT INTO search_words(search_words, rowid,
words) VALUES ('delete', OLD.id, OLD.words); END

CREATE TRIGGER search_entry_update AFTER UPDATE ON search_entry BEGIN INSERT INTO search_words(search_words, rowid,
words) VALUES ('delete', OLD.id, OLD.words); INSERT INTO search_words(rowid, words) VALUES (NEW.id, NEW.words); END

CREATE TRIGGER guard_audit_event_update BEFORE UPDATE ON "audit_event" WHEN 1 BEGIN SELECT RAISE(ABORT, 'parcelflow:
append only'); END

CREATE TRIGGER guard_audit_event_delete BEFORE DELETE ON "audit_event" WHEN 1 BEGIN SELECT RAISE(ABORT, 'parcelflow:
append only'); END

CREATE TRIGGER guard_document_insert BEFORE INSERT ON "document" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
NEW.parcel_id AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_document_update BEFORE UPDATE ON "document" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
OLD.parcel_id AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_document_delete BEFORE DELETE ON "document" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
OLD.parcel_id AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_index_field_insert BEFORE INSERT ON "index_field" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id
= NEW.parcel_id AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_index_field_update BEFORE UPDATE ON "index_field" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id
= OLD.parcel_id AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_index_field_delete BEFORE DELETE ON "index_field" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id
= OLD.parcel_id AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_order_insert BEFORE INSERT ON "order" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
NEW.parcel_id AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_order_update BEFORE UPDATE ON "order" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
OLD.parcel_id AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_order_delete BEFORE DELETE ON "order" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
OLD.parcel_id AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_rendition_insert BEFORE INSERT ON "rendition" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
(SELECT parcel_id FROM document WHERE document.id = NEW.document_id) AND parcel.sealed_at IS NOT NULL) BEGIN SELECT
RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_rendition_update BEFORE UPDATE ON "rendition" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
(SELECT parcel_id FROM document WHERE document.id = OLD.document_id) AND parcel.sealed_at IS NOT NULL) BEGIN SELECT
RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_rendition_delete BEFORE DELETE ON "rendition" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
(SELECT parcel_id FROM document WHERE document.id = OLD.document_id) AND parcel.sealed_at IS NOT NULL) BEGIN SELECT
RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_page_insert BEFORE INSERT ON "page" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id = (SELECT
parcel_id FROM document WHERE document.id = NEW.document_id) AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT,
'parcelflow: sealed'); END

CREATE TRIGGER guard_page_update BEFORE UPDATE ON "page" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id = (SELECT
parcel_id FROM document WHERE document.id = OLD.document_id) AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT,
'parcelflow: sealed'); END

CREATE TRIGGER guard_page_delete BEFORE DELETE ON "page" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id = (SELECT
parcel_id FROM document WHERE document.id = OLD.document_id) AND parcel.sealed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT,
'parcelflow: sealed'); END

CREATE TRIGGER guard_order_line_insert BEFORE INSERT ON "order_line" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
(SELECT parcel_id FROM "order" WHERE "order".id = NEW.order_id) AND parcel.sealed_at IS NOT NULL) BEGIN SELECT
RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_order_line_update BEFORE UPDATE ON "order_line" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
(SELECT parcel_id FROM "order" WHERE "order".id = OLD.order_id) AND parcel.sealed_at IS NOT NULL) BEGIN SELECT
RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_order_line_delete BEFORE DELETE ON "order_line" WHEN EXISTS (SELECT 1 FROM parcel WHERE parcel.id =
(SELECT parcel_id FROM "order" WHERE "order".id = OLD.order_id) AND parcel.sealed_at IS NOT NULL) BEGIN SELECT
RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_parcel_update BEFORE UPDATE ON "parcel" WHEN OLD.sealed_at IS NOT NULL AND (NEW.number IS NOT
OLD.number OR NEW.channel IS NOT OLD.channel OR NEW.source_key IS NOT OLD.source_key OR NEW.received_at IS NOT
OLD.received_at OR NEW.process_key IS NOT OLD.process_key OR NEW.parent_id IS NOT OLD.parent_id OR NEW.customer_id IS
NOT OLD.customer_id OR NEW.owner_id IS NOT OLD.owner_id OR NEW.sender IS NOT OLD.sender OR NEW.subject IS NOT
OLD.subject OR NEW.profile IS NOT OLD.profile OR NEW.duplicate_of_id IS NOT OLD.duplicate_of_id OR NEW.sealed_at IS NOT
OLD.sealed_at OR NEW.manifest_sha256 IS NOT OLD.manifest_sha256 OR NEW.retention_until IS NULL OR NEW.retention_until <
OLD.retention_until) BEGIN SELECT RAISE(ABORT, 'parcelflow: sealed'); END

CREATE TRIGGER guard_parcel_delete BEFORE DELETE ON "parcel" WHEN OLD.sealed_at IS NOT NULL BEGIN SELECT RAISE(ABORT,
'parcelflow: sealed'); END
