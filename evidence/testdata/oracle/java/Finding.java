import java.util.ArrayList;
import java.util.List;

/** Finding is what one tool says about one signature, time-stamp, evidence record or file. */
public final class Finding {
    /** The file as it was named. */
    public final String file;
    /** dss, bouncycastle or verapdf. */
    public final String tool;
    /** signature, timestamp, record or file. */
    public final String kind;
    /** For a signature its level, as XAdES-BASELINE-T; for a record its kind; for veraPDF the flavour. */
    public String level = "";
    /** TOTAL_PASSED, PASSED, INDETERMINATE, ...; of BouncyCastle and veraPDF: PASSED or FAILED. */
    public String indication = "";
    public String subindication = "";
    public final List<String> errors = new ArrayList<>();
    public final List<String> warnings = new ArrayList<>();
    public final List<String> infos = new ArrayList<>();
    /** What is covered: "name: description". */
    public final List<String> scopes = new ArrayList<>();
    /** The best time there is evidence for, or the time in a time-stamp; RFC 3339. */
    public String time = "";

    Finding(String file, String tool, String kind) {
        this.file = file;
        this.tool = tool;
        this.kind = kind;
    }

    /** Turns a tool's refusal to look at all into a finding. */
    Finding failed(Exception e) {
        indication = "FAILED";
        errors.add(e.toString());
        return this;
    }
}
