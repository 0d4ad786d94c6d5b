import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Lets EU DSS, BouncyCastle and veraPDF judge files of evidence. They are
 * started once: the names of the files come on standard input, one a line, and
 * what was found goes to standard output, one JSON object per finding (see
 * {@link Finding}), in the order of the files.
 *
 * <p>The one argument is the folder with the anchors, ca.pem and tsa.pem. There
 * is no network: what a file does not bring along is missing.
 */
public final class Oracle {
    public static void main(String[] args) throws Exception {
        if (args.length != 1) {
            System.err.println("usage: Oracle TRUST-FOLDER <list of files");
            System.exit(2);
        }
        File trust = new File(args[0]);
        Dss dss = new Dss(trust);
        Pdfa pdfa = new Pdfa();

        ExecutorService pool = Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
        List<Future<List<Finding>>> pending = new ArrayList<>();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String path = line;
            Callable<List<Finding>> judge = () -> judge(path, dss, pdfa);
            pending.add(pool.submit(judge));
        }
        ObjectMapper json = new ObjectMapper();
        for (Future<List<Finding>> f : pending) {
            for (Finding one : f.get()) {
                System.out.println(json.writeValueAsString(one));
            }
        }
        pool.shutdown();
    }

    private static List<Finding> judge(String path, Dss dss, Pdfa pdfa) {
        File file = new File(path);
        List<Finding> all = new ArrayList<>(dss.judge(file));
        if (Records.has(file)) {
            all.add(Records.judge(file));
        }
        if (path.endsWith(".pdf")) {
            all.addAll(pdfa.judge(file));
        }
        return all;
    }
}
