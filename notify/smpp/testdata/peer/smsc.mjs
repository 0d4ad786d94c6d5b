// A message centre made with the smpp package. It says what it sees as lines of
// JSON and ends with its input. What it does depends on the text of a message.
import fs from 'node:fs';
import smpp from 'smpp';

const { key, cert, receipts } = JSON.parse(process.argv[2]);
const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');
const options = key ? { key: fs.readFileSync(key), cert: fs.readFileSync(cert) } : {};
let throttled = 0;
let next = 0xa00;

const server = smpp.createServer(options, (session) => {
  session.on('error', () => {});
  session.on('bind_transceiver', (pdu) => {
    const good = pdu.system_id === 'bode' && pdu.password === 'secret';
    session.send(pdu.response({ command_status: good ? smpp.ESME_ROK : smpp.ESME_RINVPASWD }));
    say({ seen: 'bind', version: pdu.interface_version, good });
    if (good) session.enquire_link({}, () => say({ seen: 'enquire_link_resp' }));
  });
  session.on('enquire_link', (pdu) => { session.send(pdu.response()); say({ seen: 'enquire_link' }); });
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); say({ seen: 'unbind' }); });
  session.on('submit_sm', (pdu) => {
    const { message, udh } = pdu.short_message;
    const text = message.toString();
    if (text === 'quick') { // for measuring: nothing is said of it
      session.send(pdu.response({ message_id: (next++).toString(16) }));
      return;
    }
    say({ seen: 'submit', text, udh: udh ? Buffer.concat([].concat(udh)).toString('hex') : '', from: pdu.source_addr, fromTON: pdu.source_addr_ton, to: pdu.destination_addr,
      toTON: pdu.dest_addr_ton, toNPI: pdu.dest_addr_npi, coding: pdu.data_coding, class: pdu.esm_class,
      validity: String(pdu.validity_period), registered: pdu.registered_delivery });
    if (text === 'throttle' && throttled++ === 0) {
      session.send(pdu.response({ command_status: smpp.ESME_RTHROTTLED }));
      return;
    }
    if (text === 'nobody') {
      session.send(pdu.response({ command_status: smpp.ESME_RINVDSTADR }));
      return;
    }
    if (text === 'vanish') {
      session.destroy();
      return;
    }
    const id = next++;
    const receipt = () => {
      if (!receipts) return;
      const params = { source_addr: pdu.destination_addr, source_addr_ton: 1, source_addr_npi: 1, destination_addr: pdu.source_addr, esm_class: 4,
        short_message: `id:${id} sub:001 dlvrd:001 submit date:2611221030 done date:2611221031 stat:DELIVRD err:000 text:${text.slice(0, 20)}` };
      if (text === 'expire') {
        params.short_message = '';
        params.receipted_message_id = String(id);
        params.message_state = smpp.MESSAGE_STATE.EXPIRED;
      }
      session.deliver_sm(params, (resp) => say({ seen: 'deliver_sm_resp', status: resp.command_status }));
    };
    if (text === 'overtake') receipt(); // the receipt before the answer
    session.send(pdu.response({ message_id: id.toString(16).toUpperCase() }));
    if (text !== 'overtake') receipt();
  });
});
server.listen(0, '127.0.0.1', () => say({ port: server.address().port }));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
