package post
import ("testing";"os";"github.com/bode-erds/bode/delivery")
func TestLook(t *testing.T){
 h:=newFolder(t,nil)
 for _,lang:=range []string{"nl","fr","de","en"}{
 h=newFolder(t,nil)
  l:=newLetter(lang, newPart("Overeenkomst en plaatsbeschrijving.pdf","application/pdf",newPDF(t,3,210,297,nil)),newPart("foto's.zip","application/zip",[]byte("zip")),newPart("plan.pdf","application/pdf",newPDF(t,1,420,297,nil)),newPart("letter-us.pdf","application/pdf",newPDF(t,1,215.9,279.4,nil)))
  l.Test = lang=="fr"
  if lang=="de" {w,_:=WindowNamed("din-5008-b"); h=newFolder(t,func(c *Config){c.Window=w}); l.To=[]string{"Firma","Große Straße GmbH & Co. KG","z. Hd. Frau Ann Janßens","Königsallee 12","40212 Düsseldorf","DE"}; l.Reason="undeliverable"}
  var p delivery.PostReceipt
  p,_=handOver(t,h,l)
  os.WriteFile("/tmp/look-"+lang+".pdf",p.PDF,0o644)
 }
}
