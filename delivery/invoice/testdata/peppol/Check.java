import com.helger.diver.api.coord.DVRCoordinate;
import com.helger.diver.api.coord.DVRCoordinate;
import com.helger.phive.api.execute.ValidationExecutionManager;
import com.helger.phive.api.executorset.ValidationExecutorSetRegistry;
import com.helger.phive.api.validity.IValidityDeterminator;
import com.helger.phive.peppol.PeppolValidation;
import com.helger.phive.xml.source.IValidationSourceXML;
import com.helger.phive.xml.source.ValidationSourceXML;
import com.helger.io.resource.FileSystemResource;
import java.util.Locale;

// Holds UBL files against the official rules: Check RULES FILE...; prints every
// fault as "FILE: RULE: text" and what was used.
public class Check {
  public static void main(String[] args) throws Exception {
    var registry = new ValidationExecutorSetRegistry<IValidationSourceXML>();
    PeppolValidation.initStandard(registry);
    for (int i = 0; i < args.length; i++) {
      String kind = args[i].contains("credit") ? "creditnote" : "invoice";
      var rules = registry.getOfID(DVRCoordinate.parseOrThrow("eu.peppol.bis3:" + kind + ":" + System.getProperty("rules")));
      if (rules == null) throw new Exception("no such rules");
      var results = ValidationExecutionManager.executeValidation(IValidityDeterminator.createDefault(), rules,
          ValidationSourceXML.create(new FileSystemResource(args[i])), Locale.ENGLISH);
      System.out.println(args[i] + ": checked by " + results.size() + " layers");
      for (var layer : results)
        for (var e : layer.getErrorList())
          System.out.println(args[i] + ": " + e.getErrorLevel().getID() + ": " + e.getErrorID() + ": " + e.getErrorText(Locale.ENGLISH));
    }
  }
}
