import java.io.File;
import java.nio.file.Files;
import java.util.Date;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.ers.ERSByteData;
import org.bouncycastle.tsp.ers.ERSEvidenceRecord;

/**
 * Records asks BouncyCastle whether an evidence record holds over the file it
 * stands beside (RFC 4998 §3.3). Whether the time-stamp is to be trusted is
 * asked of DSS; here its signature must only fit the certificate it carries.
 */
final class Records {
    /** The evidence record beside a file, X.ers beside X.xml; null when there is none. */
    static File beside(File file) {
        String path = file.getPath();
        if (!path.endsWith(".xml")) {
            return null;
        }
        File record = new File(path.substring(0, path.length() - 4) + ".ers");
        return record.isFile() ? record : null;
    }

    static boolean has(File file) {
        return beside(file) != null;
    }

    static Finding judge(File file) {
        Finding f = new Finding(file.getPath(), "bouncycastle", "record");
        f.level = "RFC 4998";
        try {
            ERSEvidenceRecord record = new ERSEvidenceRecord(
                Files.readAllBytes(beside(file).toPath()), new JcaDigestCalculatorProviderBuilder().build());
            record.validatePresent(new ERSByteData(Files.readAllBytes(file.toPath())), new Date());
            X509CertificateHolder signer = record.getSigningCertificate();
            if (signer == null) {
                throw new IllegalStateException("the time-stamp carries no certificate");
            }
            record.validate(new JcaSimpleSignerInfoVerifierBuilder().build(signer));
            f.indication = "PASSED";
        } catch (Exception e) {
            f.failed(e);
        }
        return f;
    }
}
