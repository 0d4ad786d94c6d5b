// Vectors makes bouncycastle.json: evidence records by an implementation that is
// not ours. Needs bcprov, bcutil and bcpkix 1.72 or later on the class path:
//   java -cp ... Vectors.java > bouncycastle.json
import java.math.BigInteger;
import java.security.*;
import java.security.spec.ECGenParameterSpec;
import java.util.*;
import org.bouncycastle.asn1.ASN1Encoding;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.*;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.*;
import org.bouncycastle.cms.jcajce.*;
import org.bouncycastle.operator.*;
import org.bouncycastle.operator.jcajce.*;
import org.bouncycastle.tsp.*;
import org.bouncycastle.tsp.ers.*;

class Vectors {
    static final AlgorithmIdentifier SHA256 =
        new AlgorithmIdentifier(new ASN1ObjectIdentifier("2.16.840.1.101.3.4.2.1"));
    static DigestCalculatorProvider digests;
    static TimeStampResponseGenerator tsa;
    static long serial = 1;

    static byte[] data(int i) { return ("evidence " + i).getBytes(); }

    static TimeStampResponse stamp(TimeStampRequest q, int year) throws Exception {
        Date at = new GregorianCalendar(year, Calendar.MARCH, 1).getTime();
        return new TimeStampResponse(tsa.generate(new TimeStampRequest(q.getEncoded()), BigInteger.valueOf(serial++), at).getEncoded());
    }

    static void print(String name, int document, int stamps, byte[] root, ERSEvidenceRecord r, boolean last) throws Exception {
        System.out.printf("  {\"name\": \"%s\", \"document\": %d, \"stamps\": %d, \"root\": \"%s\",%n   \"record\": \"%s\"}%s%n", name, document, stamps,
            Base64.getEncoder().encodeToString(root),
            Base64.getEncoder().encodeToString(r.toASN1Structure().getEncoded(ASN1Encoding.DER)), last ? "" : ",");
    }

    public static void main(String[] args) throws Exception {
        KeyPairGenerator keys = KeyPairGenerator.getInstance("EC");
        keys.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair ca = keys.generateKeyPair(), tsu = keys.generateKeyPair();
        ContentSigner signer = new JcaContentSignerBuilder("SHA256withECDSA").build(ca.getPrivate());
        Date from = new GregorianCalendar(2026, 0, 1).getTime(), to = new GregorianCalendar(2036, 0, 1).getTime();
        X500Name issuer = new X500Name("CN=Vectors Root"), subject = new X500Name("CN=Vectors Time-Stamp Unit");
        X509CertificateHolder root = new JcaX509v3CertificateBuilder(issuer, BigInteger.ONE, from, to, issuer, ca.getPublic())
            .addExtension(Extension.basicConstraints, true, new BasicConstraints(true))
            .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign)).build(signer);
        X509CertificateHolder unit = new JcaX509v3CertificateBuilder(issuer, BigInteger.TWO, from, to, subject, tsu.getPublic())
            .addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature))
            .addExtension(Extension.extendedKeyUsage, true, new ExtendedKeyUsage(KeyPurposeId.id_kp_timeStamping)).build(signer);
        digests = new JcaDigestCalculatorProviderBuilder().build();
        DigestCalculator sha256 = digests.get(SHA256);
        TimeStampTokenGenerator tokens = new TimeStampTokenGenerator(
            new JcaSimpleSignerInfoGeneratorBuilder().build("SHA256withECDSA", tsu.getPrivate(), unit), sha256, new ASN1ObjectIdentifier("1.2.3.4"));
        tokens.addCertificates(new JcaCertStore(List.of(unit)));
        tsa = new TimeStampResponseGenerator(tokens, TSPAlgorithms.ALLOWED);
        TimeStampRequestGenerator queries = new TimeStampRequestGenerator();
        queries.setCertReq(true);

        System.out.printf("{\"anchor\": \"%s\",%n \"vectors\": [%n", Base64.getEncoder().encodeToString(root.getEncoded()));
        ERSEvidenceRecordGenerator records = new ERSEvidenceRecordGenerator(digests);
        for (int n : new int[] {1, 2, 3, 7, 100}) {
            ERSArchiveTimeStampGenerator g = new ERSArchiveTimeStampGenerator(sha256);
            for (int i = 0; i < n; i++) g.addData(new ERSByteData(data(i)));
            TimeStampRequest q = g.generateTimeStampRequest(queries);
            List<ERSEvidenceRecord> made = records.generate(g.generateArchiveTimeStamps(stamp(q, 2027)));
            for (int i : new TreeSet<>(List.of(0, n / 2, n - 1)))
                print("leaf " + i + " of " + n, i, 1, q.getMessageImprintDigest(), made.get(i), false);
            if (n == 7) {
                ERSEvidenceRecord r = made.get(4);
                q = r.generateTimeStampRenewalRequest(queries);
                print("leaf 4 of 7, renewed", 4, 2, q.getMessageImprintDigest(), r.renewTimeStamp(stamp(q, 2034)), false);
            }
        }
        ERSArchiveTimeStampGenerator g = new ERSArchiveTimeStampGenerator(sha256);
        g.addData(new ERSDataGroup(new ERSByteData(data(0)), new ERSByteData(data(1))));
        g.addData(new ERSByteData(data(2)));
        TimeStampRequest q = g.generateTimeStampRequest(queries);
        print("group of two", 1, 1, q.getMessageImprintDigest(), records.generate(g.generateArchiveTimeStamps(stamp(q, 2027))).get(0), true);
        System.out.println("]}");
    }
}
