import java.io.File;
import java.security.cert.X509Certificate;
import javax.xml.crypto.*;
import javax.xml.crypto.dsig.*;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.crypto.dsig.keyinfo.*;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

/** Verifies the enveloped signature of each file: one line each, valid or not. */
public class Verify {
    public static void main(String[] files) throws Exception {
        for (String file : files) {
            String verdict = "invalid";
            try {
                if (valid(new File(file))) {
                    verdict = "valid";
                }
            } catch (Exception e) {
                verdict = "invalid " + e.getClass().getSimpleName();
            }
            System.out.println(verdict);
        }
    }

    static boolean valid(File file) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        Document doc = factory.newDocumentBuilder().parse(file);
        NodeList found = doc.getElementsByTagNameNS(XMLSignature.XMLNS, "Signature");
        if (found.getLength() != 1) {
            throw new IllegalArgumentException("signatures: " + found.getLength());
        }
        DOMValidateContext context = new DOMValidateContext(new Selector(), found.item(0));
        return XMLSignatureFactory.getInstance("DOM").unmarshalXMLSignature(context).validate(context);
    }

    /** Takes the key of the one certificate in KeyInfo. */
    static class Selector extends KeySelector {
        public KeySelectorResult select(KeyInfo info, Purpose purpose, AlgorithmMethod method, XMLCryptoContext context) {
            for (Object part : info.getContent()) {
                for (Object item : ((X509Data) part).getContent()) {
                    return () -> ((X509Certificate) item).getPublicKey();
                }
            }
            return null;
        }
    }
}
