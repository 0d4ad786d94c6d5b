import eu.europa.esig.dss.diagnostic.DiagnosticData;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.simplereport.jaxb.XmlEvidenceRecord;
import eu.europa.esig.dss.simplereport.jaxb.XmlSignatureScope;
import eu.europa.esig.dss.simplereport.jaxb.XmlTimestamp;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import java.io.File;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Date;
import java.util.List;

/** Dss asks EU DSS, under its own policy, with our anchors and nothing fetched. */
final class Dss {
    private final CommonTrustedCertificateSource anchors = new CommonTrustedCertificateSource();

    Dss(File trust) {
        for (String name : List.of("ca.pem", "tsa.pem")) {
            anchors.addCertificate(DSSUtils.loadCertificate(new File(trust, name)));
        }
    }

    /** One finding for every signature, time-stamp and evidence record; an evidence record X.ers beside X.xml belongs to it. */
    List<Finding> judge(File file) {
        try {
            CommonCertificateVerifier verifier = new CommonCertificateVerifier();
            verifier.setTrustedCertSources(anchors);
            verifier.setAIASource(null);
            SignedDocumentValidator validator = SignedDocumentValidator.fromDocument(new FileDocument(file));
            validator.setCertificateVerifier(verifier);
            File record = Records.beside(file);
            if (record != null) {
                validator.setDetachedEvidenceRecordDocuments(List.of(new FileDocument(record)));
            }
            Reports reports = validator.validateDocument();
            return read(file.getPath(), reports);
        } catch (Exception e) {
            return List.of(new Finding(file.getPath(), "dss", "file").failed(e));
        }
    }

    private List<Finding> read(String path, Reports reports) {
        SimpleReport report = reports.getSimpleReport();
        DiagnosticData data = reports.getDiagnosticData();
        List<Finding> all = new ArrayList<>();
        for (String id : report.getSignatureIdList()) {
            Finding f = token(path, "signature", report, id);
            f.level = report.getSignatureFormat(id).toString();
            f.time = rfc3339(report.getBestSignatureTime(id));
            all.add(f);
            for (XmlTimestamp t : report.getSignatureTimestamps(id)) {
                all.add(timestamp(path, report, data, t.getId()));
            }
            for (XmlEvidenceRecord r : report.getSignatureEvidenceRecords(id)) {
                all.add(record(path, report, data, r.getId()));
            }
        }
        for (String id : report.getTimestampIdList()) {
            all.add(timestamp(path, report, data, id));
        }
        for (String id : report.getEvidenceRecordIdList()) {
            all.add(record(path, report, data, id));
        }
        if (all.isEmpty()) {
            all.add(new Finding(path, "dss", "file").failed(new IllegalStateException("nothing signed")));
        }
        return all;
    }

    private Finding timestamp(String path, SimpleReport report, DiagnosticData data, String id) {
        Finding f = token(path, "timestamp", report, id);
        f.level = data.getTimestampById(id).getType().toString();
        f.time = rfc3339(report.getProductionTime(id));
        return f;
    }

    private Finding record(String path, SimpleReport report, DiagnosticData data, String id) {
        Finding f = token(path, "record", report, id);
        f.level = data.getEvidenceRecordById(id).getEvidenceRecordType().toString();
        f.time = rfc3339(report.getEvidenceRecordPOE(id));
        for (XmlTimestamp t : report.getEvidenceRecordTimestamps(id)) {
            Finding stamp = timestamp(path, report, data, t.getId());
            f.errors.addAll(stamp.errors);
            f.warnings.addAll(stamp.warnings);
        }
        return f;
    }

    private Finding token(String path, String kind, SimpleReport report, String id) {
        Finding f = new Finding(path, "dss", kind);
        f.indication = String.valueOf(report.getIndication(id));
        f.subindication = report.getSubIndication(id) == null ? "" : report.getSubIndication(id).toString();
        words(f.errors, report.getAdESValidationErrors(id));
        words(f.warnings, report.getAdESValidationWarnings(id));
        words(f.infos, report.getAdESValidationInfo(id));
        List<XmlSignatureScope> scopes = report.getSignatureScopes(id);
        for (XmlSignatureScope s : scopes == null ? Collections.<XmlSignatureScope>emptyList() : scopes) {
            f.scopes.add(s.getName() + ": " + s.getValue());
        }
        return f;
    }

    private static void words(List<String> to, List<Message> messages) {
        for (Message m : messages) {
            to.add(m.getKey() + " " + m.getValue());
        }
    }

    private static String rfc3339(Date d) {
        return d == null ? "" : d.toInstant().toString();
    }
}
