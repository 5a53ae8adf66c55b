"""The shell's fixed sentences, each in one place and marked by how well it is attested.

`documented` was printed by a real box or stands in its documentation, `inferred` follows from such a text, `ours` is
fortish's own. A daemon's trace lines stand with the daemon (`fortish.est.trace`).
"""

from __future__ import annotations

from enum import Enum, unique

from fortish.errors import CliError


class Origin(Enum):
    """How well a printed text is attested."""

    DOCUMENTED = "documented"
    INFERRED = "inferred"
    OURS = "ours"


D, I, O = Origin.DOCUMENTED, Origin.INFERRED, Origin.OURS  # noqa: E741


@unique
class Text(Enum):
    """A sentence of the shell; `Text.X(field=…)` fills it in."""

    # fmt: off
    # errors of the command line
    UNKNOWN_ACTION        = D, "Unknown action 0"
    PARSE_ERROR           = D, "command parse error before '{word}'"
    INCOMPLETE            = D, "incomplete command in the end"
    AMBIGUOUS             = I, "ambiguous command before '{word}'"
    UNMATCHED_QUOTE       = D, "token line: Unmatched {kind} quote."
    RETURN_CODE           = D, "Command fail. Return code {code}"
    EXIT_INSIDE_CONFIG    = D, "please use 'end' to return to root shell"
    NOT_IN_FORTISH        = O, "fortish knows '{words}' but does not do it."
    # refused values
    VALUE_ERROR           = D, "value parse error before '{value}'"
    CHECK_FAIL            = D, "node_check_object fail! for {name} {value}"
    NOT_IN_DATASOURCE     = D, "entry not found in datasource"
    NOT_IN_TABLE          = D, "entry is not found in table"
    TOO_LONG              = D, "string value is too long. the size is {size}, the limit is {limit}"
    XSS                   = D, "The string contains XSS vulnerability characters"
    BAD_NAME              = O, "A name cannot hold line ends or control characters."
    BAD_INTEGER           = D, "invalid unsigned integer value: {value}"
    BAD_ADDRESS           = D, "invalid ip address"
    BAD_CLASS             = D, "ip address must be a class A, B, or C ip"
    BAD_NETMASK           = D, "invalid netmask."
    BAD_IPV6              = I, "invalid IPv6 address"
    BAD_IPV6_PREFIX       = I, "invalid IPv6 prefix"
    BAD_MAC               = I, "invalid mac address"
    BAD_DOMAIN            = D, "domain name is not valid."
    ALL_ALONE             = O, "'{name}' cannot be combined with others."
    NAME_CONFLICT         = D, "Name '{name}' conflict: 'address' and 'address group' cannot be the same name."
    NAME_OF_INTERFACE     = O, "Name '{name}' is that of an interface."
    OVERLAP               = D, "Subnets overlap between '{name}' with primary IP of '{other}'"
    ZERO_ADDRESS          = D, "IP address can not be 0"
    BAD_ACCESS_KEY        = D, ("Provided string is not an EMS Cloud access key...\n"
                                "(Length should be {size}, provided string length is {length})")
    TOO_MANY              = D, "Too many {name} entries. Maximum number of entries: {limit};"
    ATTRIBUTE_OPERATOR    = D, "attribute set operator error, {code}, discard the setting"
    # refused at next and end
    EMPTY                 = D, "node_check_object fail! for {name} is empty."
    MUST_BE_SET           = D, "Attribute '{name}' MUST be set."
    SET_OPERATOR          = D, "object set operator error, {code} discard the setting"
    CHECK_OPERATOR        = D, "object check operator error, {code}, discard the setting"
    END_BEFORE_START      = D, "end-ip must be greater than start-ip"
    PORTS_EMPTY           = D, "TCP/UDP/SCTP portrange cannot all be empty."
    VIP_DUPLICATE         = I, "VIP entry is duplicated with another vip '{other}'."
    SDWAN_ROUTES          = D, "You cannot have duplicated routes on SD-WAN and non-SD-WAN interfaces."
    SAME_ACCESS_KEY       = D, ("Cannot configure two duplicate FortiCloud EMS."
                                " Global EMS entry '{key}' has the same access key{empty}.")
    FULL                  = D, "Command fail. Return code {code} (reached the maximum number of entries)"
    TUNNEL_DELETE         = D, "A tunnel interface cannot be deleted directly."
    DELETE_UNSET          = D, "command_cli_delete:6672 delete table entry {key} unset oper error ret={code}"
    VIP_MOVE              = D, "VIP entry cannot be moved when central-nat is disabled."
    IN_USE                = D, "The entry is used by other {count} entries"
    DUPLICATE             = I, "duplicate entry exists: {key}"
    NOT_STORED            = O, "The configuration could not be stored: {reason}"
    REFUSED_VALUE         = O, "fortish does not support {name} {value}."
    TO_TRANSPARENT        = D, "Changing to TP mode"
    # VDOMs
    CURRENT_VF            = D, "current vf={name}:{number}"
    NEW_VDOM_QUESTION     = D, ("The input VDOM name doesn't exist.\nDo you want to create a new VDOM?\n"
                                "Please press 'y' to continue, or press 'n' to cancel. (y/n)")
    LOGOUT_QUESTION       = D, ("You will be logged out for the operation to take effect.\n"
                                "Do you want to continue? (y/n)")
    LOGGED_OUT            = D, "exit"
    CHECKING_FAIL         = D, "Attribute '{name}' value '{value}' checking fail {code}"
    VDOMS_LEFT            = O, "There are VDOMs beside the management VDOM: delete them first."
    MANAGEMENT_VDOM       = O, "The management VDOM '{name}' cannot be deleted."
    RESERVED_NAME         = I, "'{name}' is a reserved keyword."
    # access profiles
    PERMISSION_DENIED     = I, "Permission denied."
    LAST_ADMIN            = O, "One administrator with the super_admin profile must remain."
    NO_BACKUP_PERMISSION  = D, "The current admin user does not have the permission to backup config."
    # certificates
    BAD_PRIVATE_KEY       = D, "Invalid private key, password may be required"
    BAD_CA                = D, "Input is not a valid CA certificate."
    BAD_CERTIFICATE       = D, "Input is not a valid/matched certificate."
    BAD_CRL               = I, "Input is not a valid CRL."
    BAD_REQUEST           = I, "Input is not a valid certificate request."
    FIELD_EMPTY           = D, "The field {name} is empty!"
    CHECK_FAIL_EMPTY      = D, "node_check_object fail! for {name} "
    CHECK_FAIL_CUT        = D, "node_check_object fail! for {name} {start:.16}..."
    PHYSICAL              = O, "A physical interface cannot be deleted or renamed."
    FACTORY               = O, "An entry that came with the box cannot be deleted or renamed."
    # the editor
    NEW_ENTRY             = D, "new entry '{key}' added"
    PURGE_QUESTION        = D, "This operation will clear all table!\nDo you want to continue? (y/n)"
    # questions
    REGENERATE_QUESTION   = D, ("Certificate '{name}' already exists, re-generate will ignore all the options you have"
                                " provided.\nAre you sure to re-generate the certificate?\n"
                                "Do you want to continue? (y/n)")
    # execute
    DONE                  = D, "Done."
    UNRESOLVED            = D, "Unable to resolve hostname."
    LAB_ONLY              = O, ("'{host}' is not in the lab's world: only testrfc7030.com and its own addresses are."
                                " Start with --network real to reach other hosts.")
    NO_NETWORK            = O, "'{host}' does not resolve: this box was started with --network none."
    SENDTO_FAILED         = D, "sendto failed"
    PING_FORBIDDEN        = O, "This host does not let fortish send ICMP echo requests ({reason})."
    PING_HEADER           = D, "PING {host} ({address}): {size} data bytes"
    PING_REPLY            = D, "{size} bytes from {address}: icmp_seq={sequence} ttl={ttl} time={time:.1f} ms"
    PING_STATISTICS       = D, "--- {host} ping statistics ---"
    PING_COUNTS           = D, "{sent} packets transmitted, {received} packets received, {lost}% packet loss"
    PING_TIMES            = D, "round-trip min/avg/max = {least:.1f}/{mean:.1f}/{most:.1f} ms"
    DATE_IS               = D, "current date is: {date}"
    TIME_IS               = D, "current time is: {time}"
    LAST_NTP_SYNC         = D, "last ntp sync: never"
    BAD_DATE              = I, "invalid date, the format is yyyy-mm-dd"
    BAD_TIME              = I, "invalid time, the format is hh:mm:ss"
    LOG_COUNT             = D, "{found} logs found."
    LOG_RETURNED          = D, "{returned} logs returned."
    TFTP_FAILED           = I, "Can not get file {name} from tftp server {server}: {reason}."
    CA_HELD               = O, "The CA certificate is already in the store as {name}."
    VERIFY_MATCH          = I, "Certificate and private key match."
    VERIFY_MISMATCH       = I, "Certificate and private key do not match."
    VERIFY_NOTHING        = O, "'{name}' holds no certificate to verify."
    NO_SUCH_CERTIFICATE   = I, "Certificate '{name}' does not exist."
    STATUS_ROW            = D, "{name}: {value}"
    CONFIG_VERSION        = D, ("#config-version={model}-{version}-FW-build{build:04d}-{date}"
                                ":opmode=0:vdom={vdom}:user={user}")
    CONF_FILE_VERSION     = D, "#conf_file_ver={number}"
    BUILD_NUMBER          = D, "#buildno={build:04d}"
    GLOBAL_VDOM           = D, "#global_vdom=1"
    # certificates over TFTP
    TFTP_NOT_SENT         = I, "Can not send file {name} to tftp server {server}: {reason}."
    NO_REQUEST            = O, "No pending request has the key of this certificate."
    P12_UNREADABLE        = O, "The PKCS #12 file cannot be read: {reason}."
    P12_INCOMPLETE        = O, "The PKCS #12 file does not hold a private key and its certificate."
    P12_NOT_MADE          = O, "The PKCS #12 file cannot be made: {reason}."
    EXPORT_NOTHING        = O, "'{name}' holds no {what} to export."
    BAD_FILE_NAME         = O, "The certificate is named after the file, and '{name}' leaves no name."
    BAD_COUNTRY           = O, "Unknown country: type its English name, or its two-letter code."
    BAD_FINGERPRINT       = O, "A fingerprint is 32, 40 or 64 hexadecimal digits, with or without colons."
    CERTIFICATE_HELD      = O, "The certificate is already in the store as {name}."
    BUNDLE_IMPORTED       = O, "{new} CA certificates stored, {held} already in the store, {other} passed over."
    BUNDLE_HELD           = O, "All {held} CA certificates of the bundle are already in the store."
    NO_REMOTE             = I, "Remote certificate '{name}' does not exist."
    NO_CRL                = I, "CRL '{name}' does not exist."
    CRL_NO_URL            = O, "CRL '{name}' has no http-url to be fetched from."
    CRL_ONLY_HTTP         = O, "CRL '{name}' has no http-url: fortish fetches CRLs over HTTP, not over LDAP or SCEP."
    CRL_BAD_URL           = O, "The http-url of CRL '{name}' must be http://host[:port]/path."
    CRL_NOT_FETCHED       = O, "Can not get the CRL from {url}: {reason}."
    CRL_REFUSED           = O, "The CRL cannot be accepted: {reason}."
    DETAILS_HEAD          = D, "== [ {name} ]"
    DETAILS_ROW           = D, "{label:<13}{value}"
    # EST on the console
    EST_FAILED            = O, "Certificate enrollment over EST failed: {reason}"
    EST_CA_FAILED         = O, "CA certificate import over EST failed: {reason}"
    JOB_BROKE             = O, ("fortish: internal error in the background ({kind} of '{name}'): {error}; it is tried"
                                " again in a day")
    EST_WAITS             = O, ("The EST server has not decided yet: it is asked again in {seconds} seconds, in the"
                                " background.")
    EST_PENDING           = O, "A request for '{name}' waits for the EST server, which is asked in {seconds} seconds."
    EST_UNKNOWN_CA        = O, ("The EST server cannot be verified: {reason}\nIt presents this CA certificate:\n"
                                "  Subject:             {subject}\n  SHA-256 fingerprint: {fingerprint}\n"
                                "Trust it and import it?\nDo you want to continue? (y/n)")
    EST_REDIRECTED        = O, ("The EST server redirects the request to another server:\n  {url}\n"
                                "User and password are not sent there.\nDo you want to continue? (y/n)")
    # known up to the source; a published line is cut off behind it
    WATCHED_ROW           = I, ("Name-{name}: type={type}, realm={scope}, days={days}, days_warn={warn},"
                                " source={source}, protocol={protocol}, left={left}, attempts={attempts}, next={due}")
    WATCHED_NONE          = O, "No certificate renews by itself."
    NEXT_TRY              = O, "next try {when}"  # in an event's field msg
    PENDING_ROW           = O, "cert: {name}, range: {scope}, requests sent: {attempts}, next in {seconds} seconds"
    PENDING_NONE          = O, "No request waits for an EST server."
    SCEP_PENDING_NONE     = O, "No request waits for a SCEP server."
    EST_BUSY              = O, "An enrollment of '{name}' is already running."
    EST_NOT_CONFIGURED    = O, "Certificate '{name}' was not enrolled over EST: it has no est-server."
    EST_NO_KEY            = O, "The private key of '{name}' cannot be read: {reason}"
    # SCEP on the console
    SCEP_FAILED           = O, "Certificate enrollment over SCEP failed: {reason}"
    SCEP_CA_FAILED        = O, "CA certificate import over SCEP failed: {reason}"
    SCEP_WAITS            = O, ("The SCEP server has not decided yet: it is asked again in {seconds} seconds, in the"
                                " background.")
    SCEP_PENDING          = O, "A request for '{name}' waits for the SCEP server, which is asked in {seconds} seconds."
    SCEP_UNKNOWN_CA       = O, ("Nothing vouches for the CA of the SCEP server.\nIt presents this CA certificate:\n"
                                "  Subject:             {subject}\n  SHA-256 fingerprint: {fingerprint}\n"
                                "Trust it and import it?\nDo you want to continue? (y/n)")
    SCEP_BAD_URL          = O, "The SCEP server must be given as http://host[:port]/path."
    BAD_ALGORITHM         = O, "Unknown algorithm. Choose one of {choices}."
    BAD_URL               = O, "The EST server must be given as https://host[:port]."
    BAD_SUBJECT           = O, "Bad subject: {reason}"
    BAD_SAN               = O, "Bad subject alternative name: {reason}"
    NO_CA                 = I, "CA certificate '{name}' does not exist."
    NO_CLIENT_CERT        = I, "Local certificate '{name}' does not exist."
    HTTP_PASSWORD         = O, "A password for HTTP authentication cannot hold line ends or control characters"
    HTTP_USER             = O, "A user for HTTP authentication cannot hold a colon, line ends or control characters"
    SRP_EXTRA             = O, 'TLS-SRP needs an extra that is not installed: pip install "fortish[srp]"'
    SRP_HALF              = O, "TLS-SRP needs both a user name and a password"
    SRP_OR_CERT           = O, "TLS-SRP shows no certificate: give a TLS-SRP user or a client certificate, not both"
    NO_SOURCE             = O, "Source IP {address} is not an address of this box's interfaces."
    # saving and starting
    PLEASE_WAIT           = D, "Please wait..."
    CONNECT_TFTP          = I, "Connect to tftp server {server} ..."
    TFTP_SENT             = D, "#\nSend config file to tftp server OK."
    TFTP_SEND_FAILED      = I, "Send config file to tftp server via vdom {vdom} failed."
    FLASH_SAVED           = D, "Config backed up to flash disk done."
    RESTORE_QUESTION      = D, ("This operation will overwrite the current setting and could possibly reboot the"
                                " system!\nDo you want to continue? (y/n)")
    TFTP_GOT              = D, "Get config file from tftp server OK."
    TFTP_GET_FAILED       = I, "Can not get config file from tftp server via vdom {vdom}. Err code: {code}."
    FLASH_GOT             = D, "Get config from local disk OK."
    FILE_CHECKED          = D, "File check OK."
    BAD_CONFIGURATION     = O, "This file is no whole configuration: {reason}."
    NO_HEADER             = O, "it does not begin with #config-version="
    CUT_OFF               = O, "it ends inside a block"
    NO_REVISION           = O, "There is no revision {number}."
    LAST_FIRMWARE         = D, "Last Firmware Version: {firmware}"
    REVISION_HEAD         = D, "ID TIME                   ADMIN                \tFIRMWARE VERSION     \tCOMMENT"
    REVISION              = D, "{number:>2} {time:<22} {administrator:<20} \t{firmware:<20} \t{comment}"
    REBOOT_QUESTION       = D, "This operation will reboot the system !\nDo you want to continue? (y/n)"
    REBOOTING             = I, "System is rebooting..."
    SHUTDOWN_QUESTION     = D, "This operation will shutdown the system !\nDo you want to continue? (y/n)"
    SHUTTING_DOWN         = I, "System is shutting down..."
    RESET_QUESTION        = D, ("This operation will reset the system to factory default!\n"
                                "Do you want to continue? (y/n)")
    RESETTING             = D, "System is resetting to factory default..."
    GOING_DOWN            = D, "The system is going down NOW !!"
    CFG_SAVED             = I, "config saved."
    CFG_NOTHING_TO_SAVE   = I, "no config to be saved."
    CFG_RELOADED          = I, "configs reloaded. system will reboot."
    CFG_NOTHING_TO_RELOAD = I, "no config to be reloaded."
    REVERT_WARNING        = D, "System will reboot if no input is received in the next {seconds} seconds..."
    CONFIG_ERROR          = D, ">>>  {words} @ {where}:{kind} (error {code})"
    LOGGED_PARSE_ERROR    = D, "command parse error"
    LOGGED_VALUE_ERROR    = I, "value parse error"
    LOGGED_FAILED         = D, "failed command"
    # debug
    DEBUG_ON_FOR          = D, "Debug messages will be on for {minutes} minutes."
    DEBUG_ON_UNLIMITED    = D, "Debug messages will be on for unlimited time."
    DURATION_UNLIMITED    = D, "Current duration is set to unlimited."
    DURATION_IS           = I, "Current duration is set to {minutes} minutes."
    DEBUG_LEVEL           = I, "{daemon} debug level is {level}"
    DEBUG_LEVEL_HEX       = I, "{daemon} debug level is {level} (0x{bits:x})"
    INFO_OUTPUT           = I, "debug output:           {state}"
    INFO_TIMESTAMP        = I, "console timestamp:      {state}"
    INFO_USER_LOG         = I, "console no user log message:    disable"
    INFO_DAEMON           = I, "{daemon} debug level:        {level} (0x{bits:x})"
    INFO_CLI              = I, "CLI debug level:        {level}"
    # system commands
    BATCH_START           = I, "Enter batch mode..."
    BATCH_END             = I, "Exit and run batch commands..."
    BATCH_RUNNING         = I, "batch mode is running."
    BATCH_STOPPED         = I, "batch mode is stopped."
    BATCH_STARTED         = O, "Batch mode has been started already."
    BATCH_NOT_STARTED     = O, "Batch mode has not been started."
    BATCH_LOG             = D, "{code}: {line}"
    CURRENT_VDOM          = D, "current vdom={name}:{number}"
    PING_OPTIONS          = I, ("Ping Options:\n"
                                "\tRepeat Count: {repeat_count}\n"
                                "\tData Size: {data_size}\n"
                                "\tTimeout: {timeout}\n"
                                "\tInterval: {interval}\n"
                                "\tInterface: {interface}\n"
                                "\tTTL: {ttl}\n"
                                "\tTOS: {tos}\n"
                                "\tDF bit: {df_bit}\n"
                                "\tSource Address: {source}\n"
                                "\tPattern: {pattern}\n"
                                "\tPattern Size in Bytes: {pattern_size}\n"
                                "\tValidate Reply: {validate_reply}\n"
                                "\tAdaptive Ping: {adaptive_ping}")
    NO_INTERFACE_IP       = O, "Interface {name} has no address to send from."
    BAD_PATTERN           = O, "A pattern is made of hexadecimal digits."
    TRACEROUTE_HEADER     = D, ("traceroute to {host} ({address}), {hops} hops max, {probes} probe packets per hop,"
                                " {size} byte packets")
    TRACEROUTE_ROW        = I, "{hops:2d} {replies}"
    TRACEROUTE_ROUTER     = I, " {address}"
    TRACEROUTE_TIME       = I, "  {time:.3f} ms"
    TRACEROUTE_SILENT     = I, " *"
    TRACEROUTE_NOT        = O, "This host does not let fortish trace a route ({reason})."
    TRACEROUTE_LINUX      = O, "only Linux hands on what routers answer"
    HARDWARE              = D, "== [onboard]"
    HARDWARE_PORT         = D, "\t==[{name}]"
    HARDWARE_ROW          = D, "\t\t{label}: {value}"
    NO_TRANSCEIVER        = D, "Interface {name} - Transceiver is not detected."
    NICS                  = D, "The following NICs are available:"
    NIC_ROW               = D, "\t{name}"
    HA_STANDALONE         = D, ("HA Health Status: OK\nModel: {model}\nMode: Standalone\nGroup: 0\nDebug: 0\n"
                                "Cluster Uptime: 0 days 0:0:0\nCluster state change time: N/A\n"
                                "ses_pickup: disable, ses_pickup_delay=disable\noverride: disable\n"
                                "System Usage stats:\nHBDEV stats:\nnumber of vcluster: 0")
    ARP_HEAD              = D, "Address           Age(min)   Hardware Addr      Interface"
    ROUTE_CODES           = D, ("Codes: K - kernel, C - connected, S - static, R - RIP, B - BGP\n"
                                "       O - OSPF, IA - OSPF inter area\n"
                                "       N1 - OSPF NSSA external type 1, N2 - OSPF NSSA external type 2\n"
                                "       E1 - OSPF external type 1, E2 - OSPF external type 2\n"
                                "       i - IS-IS, L1 - IS-IS level-1, L2 - IS-IS level-2, ia - IS-IS inter area\n"
                                "       * - candidate default")
    ROUTE_TABLE           = D, "Routing table for VRF={vrf}"
    ROUTE_HEAD            = D, "{code:<8}{destination} "
    ROUTE_CONNECTED       = D, "is directly connected, {device}"
    ROUTE_VIA             = I, "[{distance}/0] via {gateway}, {device}, [{priority}/{weight}]"
    ROUTE_DIRECT          = I, "[{distance}/0] is directly connected, {device}, [{priority}/{weight}]"
    ROUTE_NULL            = I, "[{distance}/0] is a summary, Null, [{priority}/{weight}]"
    NO_ROUTE              = I, "No route available"
    TOP_UPTIME            = D, "Run Time:  {days} days, {hours} hours and {minutes} minutes"
    TOP_LOAD              = D, "{user}U, 0N, {system}S, {idle}I, 0WA, 0HI, 0SI, 0ST; {total}T, {free}F"
    TOP_ROW               = D, "{name:>16} {pid:>8}      {state:<3}{cpu:>8.1f}{memory:>8.1f}"
    CPU_STATES            = D, ("{cpu} states: {user}% user {system}% system 0% nice {idle}% idle 0% iowait 0% irq"
                                " 0% softirq")
    MEMORY                = D, ("Memory: {total}k total, {used}k used ({used_share:.1f}%), {free}k free"
                                " ({free_share:.1f}%), {freeable}k freeable ({freeable_share:.1f}%)")
    NO_TRAFFIC            = D, ("Average network usage: 0 / 0 kbps in 1 minute, 0 / 0 kbps in 10 minutes,"
                                " 0 / 0 kbps in 30 minutes\n"
                                "Average sessions: 0 sessions in 1 minute, 0 sessions in 10 minutes,"
                                " 0 sessions in 30 minutes\n"
                                "Average session setup rate: 0 sessions per second in last 1 minute,"
                                " 0 sessions per second in last 10 minutes,"
                                " 0 sessions per second in last 30 minutes\n"
                                "Virus caught: 0 total in 1 minute\n"
                                "IPS attacks blocked: 0 total in 1 minute")
    UPTIME                = D, "Uptime: {days} days,  {hours} hours,  {minutes} minutes"
    VD_LIST               = I, "list virtual firewall info:"
    VD_ROW                = I, "name={name}/{name} index={number} enabled"
    USED_BY_TABLE         = I, "entry used by table {path}:{key_name} '{key}'"
    USED_BY_SINGLETON     = I, "entry used by complex {path}:{attribute}"
    USED_BY_CHILD         = I, ("entry used by child table {child}:{attribute} '{name}'"
                                " of table {path}:{key_name} '{key}'")
    USED_BY_INNER         = I, "entry used by child table {child}:{attribute} '{name}' of complex {path}"
    CLI_LEVEL             = D, "Cli debug level is {level}"
    CLI_COMMIT            = I, "0: {line}"
    # workspace mode
    TRANSACTION_STARTED   = O, "config transaction id={id} started"
    TRANSACTION_NAME      = O, "config transaction id={id}"
    TRANSACTION_EXPIRES   = D, "config transaction id={id} will expire in {seconds} seconds"
    TRANSACTION_EXPIRED   = D, "config transaction id={id} has expired"
    TRANSACTION_LOCKED    = I, "The object is currently being configured in another transaction (id={id})."
    TRANSACTION_FIXED     = O, "This cannot be changed in a config transaction."
    TRANSACTION_OPEN      = O, "config transaction id={id} is open here already."
    TRANSACTION_NONE      = O, "There is no config transaction here."
    TRANSACTION_NOT_YOURS = O, "There is no config transaction id={id} that {name} has left."
    TRANSACTION_NO_BATCH  = O, "There is no batch in a config transaction, and none of these in a batch."
    TRANSACTION_ROW       = O, "id={id} administrator={name} changes={count} expires-in={seconds}s"
    TRANSACTION_ITEM      = O, "{what:<6} {path}{key} scope={scope} id={id}"
    # login
    LOGIN                 = D, "{hostname} login: "
    PASSWORD              = D, "Password: "
    LOGIN_INCORRECT       = D, "Login incorrect"
    LOCKED_OUT            = O, "Too many failed logins: '{name}' cannot log in for {seconds} seconds."
    FOREIGN_PASSWORD      = O, "The password of '{name}' was encrypted by another box: fortish cannot check it."
    CHANGE_PASSWORD       = D, "You are forced to change your password. Please input a new password."
    NEW_PASSWORD          = D, "New Password: "
    CONFIRM_PASSWORD      = D, "Confirm Password: "
    PASSWORD_MISMATCH     = O, "The two passwords differ."
    PASSWORD_EMPTY        = O, "The new password cannot be empty."
    WELCOME               = D, "Welcome!"
    ACCEPT                = D, "(Press 'a' to accept):"
    PRE_LOGIN             = O, "This box is for its administrators only. What is done here may be recorded."
    POST_LOGIN            = O, "You are logged in. What is done here may be recorded."
    TIMEOUT               = D, "Timeout"
    # help
    HELP_CONFIG           = D, "Configure object."
    HELP_GET              = D, "Get dynamic and system information."
    HELP_SHOW             = D, "Show configuration."
    HELP_DIAGNOSE         = D, "Diagnose facility."
    HELP_EXECUTE          = D, "Execute static commands."
    HELP_ALIAS            = D, "Execute alias commands."
    HELP_SUDO             = O, "Run one command in another scope."
    HELP_GLOBAL           = O, "Settings of the whole box."
    HELP_VDOM             = O, "Make, enter or delete a VDOM."
    HELP_VDOM_NAME        = O, "Name of the VDOM."
    HELP_EXIT             = D, "Exit the CLI."
    HELP_QUIT             = O, "Leave the CLI."
    HELP_TREE             = O, "Show what can be configured, as a tree."
    HELP_EDIT             = I, "Add/edit a table value."
    HELP_DELETE           = I, "Delete a table value."
    HELP_PURGE            = I, "Clear all table value."
    HELP_RENAME           = I, "Rename a table entry."
    HELP_CLONE            = I, "Clone a table entry."
    HELP_MOVE             = O, "Put a table entry before or after another."
    HELP_SET              = I, "Modify value."
    HELP_UNSET            = I, "Set to default value."
    HELP_APPEND           = O, "Add members to a list."
    HELP_SELECT           = O, "Leave only these members in a list."
    HELP_UNSELECT         = O, "Take members out of a list."
    HELP_NEXT             = I, "Configure next table entry."
    HELP_ABORT            = D, "End and discard last config."
    HELP_END              = D, "End and save last config."
    HELP_FULL             = O, "Show the default values too."
    HELP_PIPE             = O, "Filter the output."
    HELP_GREP             = O, "Print the lines that match."
    HELP_GREP_AFTER       = O, "So many lines after each match."
    HELP_GREP_BEFORE      = O, "So many lines before each match."
    HELP_GREP_AROUND      = O, "So many lines around each match."
    HELP_GREP_COUNT       = O, "Print only how many lines match."
    HELP_GREP_BLOCKS      = O, "Print the whole block around each match."
    HELP_GREP_CASE        = O, "Take upper and lower case as the same."
    HELP_GREP_NUMBER      = O, "Print line numbers."
    HELP_GREP_INVERT      = O, "Print the lines that do not match."
    HELP_PATTERN          = O, "Regular expression to look for."
    HELP_STRING           = D, "please input string value"
    HELP_INTEGER          = D, "Enter an integer value from <{low}> to <{high}>"
    HELP_DEFAULT          = D, " (default = <{value}>)."
    HELP_RANGE            = D, "{help} ({low}-{high})."
    HELP_CERTIFICATES     = D, "Available    Certificates:"
    HELP_ENTER            = D, " <Enter>"
    HELP_OPTIONAL         = D, "<Enter>|{word}"
    MORE                  = D, "--More-- "
    INTERRUPTED           = O, "^C"
    NOT_PLAYED            = O, "'{how}' ended the session; lines behind it that were not played: {count}"
    NOT_SAVED             = O, "not saved: {places}"
    # fmt: on

    def __init__(self, origin: Origin, template: str) -> None:
        self.origin = origin
        self.template = template

    def __call__(self, **fields: object) -> str:
        """The sentence with its fields filled in."""
        return self.template.format(**fields)


def failed(code: int, *lines: str) -> CliError:
    """`lines`, then the line with the return code."""
    return CliError((*lines, Text.RETURN_CODE(code=code)), code)


def unknown_action() -> CliError:
    """The first word is no verb here: one line, no code."""
    return CliError((Text.UNKNOWN_ACTION(),))


def parse_error(word: str) -> CliError:
    """A later word is unknown (-61)."""
    return CliError(("", Text.PARSE_ERROR(word=word), Text.RETURN_CODE(code=-61)), -61, word)


def ambiguous(word: str) -> CliError:
    """A word is the start of several (-61)."""
    return CliError(("", Text.AMBIGUOUS(word=word), Text.RETURN_CODE(code=-61)), -61, word)


def incomplete() -> CliError:
    """The line ends too soon (-160)."""
    return CliError(("", Text.INCOMPLETE(), Text.RETURN_CODE(code=-160)), -160)


def value_error(value: str, code: int, *reasons: str, blank: bool = True) -> CliError:
    """A value is refused at `set`: reasons, a blank line (some checks print none), the value, the code."""
    lines = (*reasons, *([""] if blank else []), Text.VALUE_ERROR(value=value))
    return CliError((*lines, Text.RETURN_CODE(code=code)), code, value)


def discarded(reason: str, operator: Text, code: int, printed: int = 1) -> CliError:
    """An entry is refused at `next` or `end`: the reason, the operator's line with the code, and what is `printed`."""
    return CliError((reason, operator(code=code), Text.RETURN_CODE(code=printed)), code)
