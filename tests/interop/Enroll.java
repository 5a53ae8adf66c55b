// Bouncy Castle's EST client: HOST:PORT CA-FILE USER PASSWORD; writes the issued certificate in PEM.

import java.io.FileInputStream;
import java.io.OutputStreamWriter;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.Collections;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.est.CSRRequestResponse;
import org.bouncycastle.est.ESTAuth;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.jcajce.JcaHttpAuthBuilder;
import org.bouncycastle.est.jcajce.JcaJceUtils;
import org.bouncycastle.est.jcajce.JsseDefaultHostnameAuthorizer;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

public class Enroll {
    public static void main(String[] given) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        X509Certificate ca;
        try (FileInputStream file = new FileInputStream(given[1])) {
            ca = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(file);
        }
        JsseESTServiceBuilder builder = new JsseESTServiceBuilder(
            given[0], JcaJceUtils.getCertPathTrustManager(Collections.singleton(new TrustAnchor(ca, null)), null));
        ESTService service = builder.withHostNameAuthorizer(
            new JsseDefaultHostnameAuthorizer(Collections.<String>emptySet())).build();
        System.err.println("cacerts " + service.getCACerts().getCertificateStore().getMatches(null).size());
        CSRRequestResponse attributes = service.getCSRAttributes();
        if (attributes.hasAttributesResponse()) {
            for (ASN1ObjectIdentifier oid : attributes.getAttributesResponse().getRequirements()) {
                System.err.println("csrattrs " + oid);
            }
        }
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(256);
        KeyPair pair = generator.generateKeyPair();
        PKCS10CertificationRequest request = new JcaPKCS10CertificationRequestBuilder(
            new X500Name("CN=bc"), pair.getPublic()).build(new JcaContentSignerBuilder("SHA256withECDSA").build(pair.getPrivate()));
        ESTAuth user = new JcaHttpAuthBuilder(null, given[2], given[3].toCharArray())
            .setNonceGenerator(new SecureRandom()).setProvider("BC").build();
        EnrollmentResponse response = service.simpleEnroll(false, request, user);
        while (!response.isCompleted()) {
            System.err.println("waits until " + response.getNotBefore());
            Thread.sleep(Math.max(0, response.getNotBefore() - System.currentTimeMillis()) + 100);
            response = service.simpleEnroll(response);
        }
        try (JcaPEMWriter out = new JcaPEMWriter(new OutputStreamWriter(System.out))) {
            for (X509CertificateHolder holder : response.getStore().getMatches(null)) {
                if (!holder.getSubjectPublicKeyInfo().equals(request.getSubjectPublicKeyInfo())) {
                    throw new IllegalStateException("a certificate for another key");
                }
                out.writeObject(holder);
            }
        }
    }
}
