import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Pdfa asks veraPDF whether a file is PDF/A-3a and PDF/UA-1. */
final class Pdfa {
    Pdfa() {
        VeraGreenfieldFoundryProvider.initialise();
    }

    List<Finding> judge(File file) {
        List<Finding> all = new ArrayList<>();
        for (PDFAFlavour flavour : List.of(PDFAFlavour.PDFA_3_A, PDFAFlavour.PDFUA_1)) {
            Finding f = new Finding(file.getPath(), "verapdf", "file");
            f.level = flavour.getId();
            try (PDFAParser parser = Foundries.defaultInstance().createParser(file, flavour);
                 PDFAValidator validator = Foundries.defaultInstance().createValidator(flavour, false)) {
                ValidationResult result = validator.validate(parser);
                f.indication = result.isCompliant() ? "PASSED" : "FAILED";
                Map<String, Integer> failed = new TreeMap<>();
                for (TestAssertion a : result.getTestAssertions()) {
                    if (a.getStatus() == TestAssertion.Status.FAILED) {
                        failed.merge(a.getRuleId().getClause() + "-" + a.getRuleId().getTestNumber() + " "
                            + a.getMessage() + " at " + a.getLocation().getContext(), 1, Integer::sum);
                    }
                }
                failed.forEach((what, n) -> f.errors.add(what));
            } catch (Exception e) {
                f.failed(e);
            }
            all.add(f);
        }
        return all;
    }
}
