# What the pipeline does to a log line: parse it, name its fields as ECS does, redact secrets and personal data, and
# keep what it cannot read. Logstash's ruby filter runs this file (JRuby); the tests run the very same file.
#
# Every regular expression here takes time in proportion to the line: runs are bounded or possessive, and a match
# begins only where a run begins. A line of a megabyte that was made to stall it does not.

require "json"
require "openssl"
require "strscan"
require "time"

def register(params)
  @log = ::VitalsLog.new(File.read(params.fetch("hash_key_file")).strip)
end

def filter(event)
  @log.events(event)
end

class ::VitalsLog
  # --- fields ------------------------------------------------------------------------------------------------

  # What apps call it (the whole path, dots between its parts) → what it becomes, and what it has to be.
  # The first alias that holds a fitting value wins; what is left over stays under `app`, as it was named.
  FIELDS = {
    "message" => [:text, %w[message msg body Body]],
    "event.action" => [:name, %w[event event.action event_name event_type]],
    "log.level" => [:level, %w[level levelname log.level severity severityText severity_text SeverityText loglevel lvl]],
    "log.logger" => [:word, %w[logger name log.logger logger_name scope.name]],
    "log.origin.file.name" => [:word, %w[log.origin.file.name filename file module]],
    "log.origin.file.line" => [:long, %w[log.origin.file.line lineno line]],
    "log.origin.function" => [:word, %w[log.origin.function funcName func_name function]],
    "process.pid" => [:long, %w[process.pid process pid]],
    "process.thread.name" => [:word, %w[process.thread.name threadName thread_name thread]],
    "service.name" => [:word, %w[service.name service service_name resource.service.name]],
    "service.version" => [:word, %w[service.version service_version version resource.service.version]],
    "service.environment" => [:word, %w[service.environment environment env deployment.environment
                                        resource.deployment.environment resource.deployment.environment.name]],
    "trace.id" => [:word, %w[trace.id trace_id traceId TraceId otelTraceID]],
    "span.id" => [:word, %w[span.id span_id spanId SpanId otelSpanID]],
    "http.request.id" => [:word, %w[http.request.id request_id requestId correlation_id correlationId]],
    "http.request.method" => [:method, %w[http.request.method http_method http.method method]],
    "http.response.status_code" => [:status, %w[http.response.status_code http.status_code status_code http_status
                                                statusCode status]],
    "url.path" => [:path, %w[url.path endpoint path url http.target http.route url.full]],
    "client.ip" => [:ip, %w[client.ip client_ip remote_addr client.address]],
    "user.id" => [:word, %w[user.id user_id userId enduser.id]],
    "organization.id" => [:word, %w[organization.id store_id tenant_id tenant org_id]],
    "error.type" => [:word, %w[error.type error_type exc_type exception.type exception_type]],
    "error.message" => [:text, %w[error.message error_message exception.message error]],
    "error.stack_trace" => [:trace, %w[error.stack_trace exc_info exception traceback stack_trace exception.stacktrace
                                       stack stack_info]],
    "event.outcome" => [:outcome, %w[event.outcome success outcome status]],
    "gen_ai.conversation.id" => [:word, %w[gen_ai.conversation.id conversation_id conversationId]],
    "gen_ai.agent.name" => [:word, %w[gen_ai.agent.name agent_name agent agent_type]],
    "gen_ai.tool.name" => [:word, %w[gen_ai.tool.name tool_name tool]],
    "gen_ai.request.model" => [:word, %w[gen_ai.request.model model model_name gen_ai.response.model]],
    "gen_ai.provider.name" => [:word, %w[gen_ai.provider.name gen_ai.system provider]],
    "gen_ai.usage.input_tokens" => [:long, %w[gen_ai.usage.input_tokens input_tokens prompt_tokens]],
    "gen_ai.usage.output_tokens" => [:long, %w[gen_ai.usage.output_tokens output_tokens completion_tokens]],
    "vitals.tokens" => [:long, %w[tokens_used total_tokens tokens]],
    "vitals.cost_usd" => [:double, %w[cost_usd cost_estimate cost llm_cost_usd]],
    "vitals.workflow_id" => [:word, %w[workflow_id workflowId]],
    "vitals.channel" => [:word, %w[channel]],
    "vitals.intent" => [:word, %w[intent]],
    "vitals.confidence" => [:double, %w[confidence]],
  }.freeze

  # Durations, by the unit in their name. ECS counts nanoseconds.
  DURATIONS = {
    "event.duration" => 1, "duration_ns" => 1,
    "duration_ms" => 1_000_000, "response_time_ms" => 1_000_000, "latency_ms" => 1_000_000, "elapsed_ms" => 1_000_000,
    "durationMs" => 1_000_000, "total_duration_ms" => 1_000_000,
    "duration_seconds" => 1_000_000_000, "duration_s" => 1_000_000_000, "latency_seconds" => 1_000_000_000,
    "elapsed_seconds" => 1_000_000_000, "response_time_seconds" => 1_000_000_000,
  }.freeze

  TIMES = %w[@timestamp timestamp asctime time ts timeUnixNano observedTimeUnixNano Timestamp t].freeze

  # Canonical levels, by what apps write; OpenTelemetry's numbers and Python's are both tens apart.
  LEVELS = {
    "trace" => "trace", "debug" => "debug", "info" => "info", "information" => "info", "notice" => "info",
    "log" => "info", "warn" => "warning", "warning" => "warning", "err" => "error", "error" => "error",
    "exception" => "error", "severe" => "error", "critical" => "critical", "crit" => "critical", "fatal" => "critical",
    "panic" => "critical", "alert" => "critical", "emergency" => "critical", "emerg" => "critical",
    "10" => "debug", "20" => "info", "30" => "warning", "40" => "error", "50" => "critical",
  }.freeze

  OUTCOMES = {
    "true" => "success", "success" => "success", "succeeded" => "success", "ok" => "success", "completed" => "success",
    "false" => "failure", "failure" => "failure", "failed" => "failure", "error" => "failure", "timeout" => "failure",
  }.freeze

  METHODS = %w[GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT].freeze

  # What the ways in add themselves and is worth keeping. The rest (request headers among it) is left behind.
  CARRIED = { "container.id" => "container.id", "log.file.path" => "log.file.path", "log.offset" => "log.offset",
              "log.flags" => "log.flags", "stream" => "stream", "host.name" => "host.name",
              "docker.attrs.tag" => "container.name",
              "docker.attrs.com.docker.compose.service" => "container.service",
              "docker.attrs.com.docker.compose.project" => "container.project" }.freeze

  MAX_DEPTH = 8 # of what is kept under `app`; deeper parts become JSON text
  MAX_FIELDS = 1000 # under `app`; the rest goes whole into event.original
  MAX_KEY = 200
  LONGEST = 4_000_000 # characters; an app that writes more in one line has a bug, and its line is cut

  def initialize(hash_key)
    raise ArgumentError, "the hash key is too short: make a new one, of 32 characters or more" if hash_key.length < 32

    @redactor = Redactor.new(hash_key)
  end

  # The events that one message turns into: a body sent over HTTP may hold many.
  def events(event)
    arrived = event.timestamp.to_s
    carried = carried_from(event)
    from = event.get("[@metadata][from]")
    records(event.get("message"), from).each_with_index.map do |record, i|
      target = i.zero? ? event : event.clone
      write(target, build(record, carried, arrived, from))
      target
    end
  rescue StandardError, SystemStackError => e
    # A defect here must lose nothing, tell nothing it should not, and be seen.
    text = begin
      @redactor.text(clean(event.get("message").to_s))
    rescue StandardError
      "[not shown: this line could not be redacted]"
    end
    write(event, { "message" => text, "event" => { "kind" => "pipeline_error" }, "tags" => ["vitals_failed"],
                   "error" => { "type" => e.class.to_s, "message" => "the pipeline failed on this line" } })
    [event]
  end

  private

  # --- one message → records: a Hash for JSON, a String for text -----------------------------------------------

  def records(message, from)
    # Without text there may still be a Hash: an input with another codec than ours.
    return [message] if message.is_a?(Hash)

    text = clean(message.to_s)
    whole = parsed(text)
    return otlp(whole) if whole.is_a?(Hash) && whole["resourceLogs"].is_a?(Array)
    return [whole] if whole.is_a?(Hash)
    return with_traceback(text) unless from == "http"
    return whole.map { |item| item.is_a?(Hash) ? item : item.to_s } if whole.is_a?(Array) && !whole.empty?

    lines = text.split("\n").map { |line| line.delete_suffix("\r") }.reject(&:empty?)
    lines = [text] if lines.empty?
    lines.map { |line| (found = parsed(line)).is_a?(Hash) ? found : line }
  end

  # Filebeat joins a traceback to the line before it, also where that one is JSON.
  def with_traceback(text)
    first, newline, more = text.partition("\n")
    return [text] if newline.empty? || !(record = parsed(first)).is_a?(Hash)
    return [record, more] unless more.start_with?(TextLine::TRACEBACK) && lookup(record, "exc_info").nil?

    [record.merge("exc_info" => more)]
  end

  def clean(text)
    text = text.dup.force_encoding("UTF-8") unless text.encoding == Encoding::UTF_8
    text = text.scrub("\uFFFD") unless text.valid_encoding?
    text = "#{text[0, LONGEST]}[cut]" if text.length > LONGEST
    text.delete("\u0000")
  end

  # NaN and Infinity are what Python's json writes for them.
  def parsed(text)
    return unless text.match?(/\A\s*+[\[{]/)

    JSON.parse(text, allow_nan: true, max_nesting: 100)
  rescue JSON::ParserError, JSON::NestingError, ArgumentError, EncodingError
    nil
  end

  # OTLP in JSON, as a collector's otlphttp exporter sends it.
  def otlp(body)
    found = list(body["resourceLogs"]).flat_map do |resource|
      about = attributes(hash(resource["resource"])["attributes"])
      list(resource["scopeLogs"]).flat_map do |scope|
        list(scope["logRecords"]).map do |entry|
          attributes(entry["attributes"]).merge(
            entry.reject { |key, _| %w[attributes body].include?(key) },
            "body" => any_value(entry["body"]), "resource" => about, "scope" => hash(scope["scope"])
          )
        end
      end
    end
    found.empty? ? [JSON.generate(body, allow_nan: true)] : found
  end

  def list(value)
    value.is_a?(Array) ? value.grep(Hash) : []
  end

  def hash(value)
    value.is_a?(Hash) ? value : {}
  end

  def attributes(pairs)
    list(pairs).to_h { |pair| [pair["key"].to_s, any_value(pair["value"])] }
  end

  def any_value(value)
    return value unless value.is_a?(Hash) && value.size == 1

    kind, inner = value.first
    case kind
    when "intValue" then Integer(inner.to_s, 10, exception: false) || inner
    when "arrayValue" then inner.is_a?(Hash) ? Array(inner["values"]).map { |item| any_value(item) } : inner
    when "kvlistValue" then inner.is_a?(Hash) ? attributes(inner["values"]) : inner
    when "stringValue", "boolValue", "doubleValue", "bytesValue" then inner
    else value
    end
  end

  # --- a record → a document -----------------------------------------------------------------------------------

  def build(record, carried, arrived, from)
    doc = {}
    tags = []
    kind = "event"
    if record.is_a?(Hash)
      fields = record
    else
      fields = TextLine.read(record)
      if fields.nil?
        fields = { "message" => record }
        broken = record.match?(/\A\s*+[\[{]/) && record.length > 1
        tags << (broken ? "vitals_broken_json" : "vitals_text")
        kind = "pipeline_error" if broken
      end
    end

    seen = Redactor::Seen.new
    mails = []
    rest, leaves = @redactor.tree(fields, seen, mails)
    take(doc, rest)
    time(doc, rest, fields, arrived, from, tags)
    finish(doc, rest, kind)
    put(doc, "user.hash", mails.first) if mails.first

    carried.each { |path, value| put(doc, path, value) }
    put(doc, "service.name", carried["container.service"] || carried["container.name"] || "unknown") unless dig(doc, "service.name")

    rest = tidy(rest)
    if leaves > MAX_FIELDS
      put(doc, "event.original", JSON.generate(rest, allow_nan: true))
      rest = rest.first(MAX_FIELDS).select { |_, value| !value.is_a?(Hash) && !value.is_a?(Array) }.to_h
      tags << "vitals_too_many_fields"
    end
    doc["app"] = rest unless rest.empty?
    doc["vitals"] = (doc["vitals"] || {}).merge("redacted" => seen.kinds) unless seen.kinds.empty?
    doc["tags"] = tags unless tags.empty?
    doc["ecs"] = { "version" => "9.1.0" }
    doc
  end

  # Moves what has a name in ECS from `rest` to `doc`.
  def take(doc, rest)
    nested = rest.each_value.any?(Hash)
    FIELDS.each do |target, (kind, aliases)|
      aliases.each do |path|
        # Most lines are flat, and then only what stands there as it is can be meant.
        value = nested ? lookup(rest, path) : rest[path]
        next if value.nil?

        fitting = fit(kind, value, path)
        next if fitting.nil?

        put(doc, target, fitting)
        # A status code says how it ended, and so does a status in words, which stays beside it.
        remove(rest, path) unless path == "status" && kind == :outcome
        break
      end
    end
    DURATIONS.each do |path, factor|
      value = number(lookup(rest, path))
      next if value.nil? || value.negative? || value * factor >= 2**63

      put(doc, "event.duration", (value * factor).round)
      remove(rest, path)
      break
    end
  end

  def fit(kind, value, path)
    case kind
    when :text then value.is_a?(String) ? value : (JSON.generate(value, allow_nan: true) if path.match?(/\A[bB]ody\z/))
    when :word then value.is_a?(String) && !value.empty? ? value : (value.to_s if value.is_a?(Integer))
    when :name then value if value.is_a?(String) && value.match?(/\A[A-Za-z0-9_.:-]{1,100}\z/)
    when :level then LEVELS[value.to_s.strip.downcase[0, 20]]
    when :long then (n = number(value)) && n == n.to_i && n.abs < 2**63 ? n.to_i : nil
    when :double then (n = number(value)) && n.to_f
    when :status then (n = number(value)) && n == n.to_i && n.between?(100, 599) ? n.to_i : nil
    when :method then (word = value.to_s.upcase) && METHODS.include?(word) ? word : nil
    when :path then value[%r{\A(?:[a-z]{2,10}://[^/?#]{0,255})?([^?#]{0,8192})}, 1].then { |p| p.empty? ? "/" : p } if value.is_a?(String) && value.match?(%r{\A(?:[a-z]{2,10}://|/)})
    when :ip then value if value.is_a?(String) && value.match?(/\A(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]{2,39})\z/)
    when :trace then value.is_a?(Array) ? value.join("\n") : (value if value.is_a?(String) && !value.empty?)
    when :outcome then OUTCOMES[value.to_s.downcase[0, 20]] unless value.is_a?(Hash) || value.is_a?(Array)
    end
  end

  def number(value)
    value = Float(value, exception: false) if value.is_a?(String) && value.match?(/\A-?\d{1,18}(?:\.\d{1,18})?\z/)
    value if value.is_a?(Integer) || (value.is_a?(Float) && value.finite?)
  end

  def time(doc, rest, fields, arrived, from, tags)
    arrived_at = Time.iso8601(arrived)
    name = TIMES.find { |key| !lookup(fields, key).nil? }
    given = name && lookup(fields, name)
    stamp, sure = Clock.read(given) if name
    # Docker's own time stamps each line as it is written. One without a zone that is far from it tells local time.
    stamp = arrived_at if stamp && !sure && from == "beats" && (stamp - arrived_at).abs > 300
    if stamp && stamp > Time.utc(2000) && stamp < arrived_at + 86_400
      doc["@timestamp"] = stamp.utc.strftime("%Y-%m-%dT%H:%M:%S.%LZ")
      remove(rest, name)
    else
      tags << "vitals_time" if name
      doc["@timestamp"] = arrived
    end
    put(doc, "event.created", arrived)
  end

  def finish(doc, rest, kind)
    action = dig(doc, "event.action")
    # structlog's `event` is the message, be it one word or a sentence.
    if dig(doc, "message").nil?
      sentence = rest["event"]
      rest.delete("event") if sentence.is_a?(String)
      doc["message"] = sentence.is_a?(String) ? sentence : (action || dig(doc, "error.message") || "")
    end
    # The service an integration talks to is not the one that tells of it.
    if action&.start_with?("integration_") && (other = dig(doc, "service.name"))
      put(doc, "service.target.name", other)
      doc["service"].delete("name")
    end
    # One request, one trace, where the app has no tracing.
    put(doc, "trace.id", dig(doc, "http.request.id")) if dig(doc, "trace.id").nil? && dig(doc, "http.request.id")
    if (stack = dig(doc, "error.stack_trace"))
      type, message = TextLine.raised(stack)
      put(doc, "error.type", type) if type && !dig(doc, "error.type")
      put(doc, "error.message", message) if message && !message.empty? && !dig(doc, "error.message")
    end
    if dig(doc, "event.outcome").nil? && (dig(doc, "error.type") || dig(doc, "http.response.status_code").to_i >= 500)
      put(doc, "event.outcome", "failure")
    end
    put(doc, "event.kind", kind)
    put(doc, "log.level", "error") if dig(doc, "log.level").nil? && dig(doc, "error.stack_trace")
  end

  # --- paths ---------------------------------------------------------------------------------------------------

  # A field by its dotted path, however the app nests or dots it; only objects are walked into.
  def lookup(tree, path)
    return tree[path] if tree.key?(path)
    return unless path.include?(".")

    head, dot, tail = path.partition(".")
    until dot.empty?
      inner = tree[head]
      if inner.is_a?(Hash) && !(found = lookup(inner, tail)).nil?
        return found
      end
      more, dot, tail = tail.partition(".")
      head = "#{head}.#{more}"
    end
    nil
  end

  def remove(tree, path)
    return tree.delete(path) if tree.key?(path)

    head, dot, tail = path.partition(".")
    until dot.empty?
      inner = tree[head]
      if inner.is_a?(Hash) && !lookup(inner, tail).nil?
        remove(inner, tail)
        tree.delete(head) if inner.empty?
        return
      end
      more, dot, tail = tail.partition(".")
      head = "#{head}.#{more}"
    end
  end

  def put(doc, path, value)
    *parents, last = path.split(".")
    parents.reduce(doc) { |tree, key| tree[key] ||= {} }[last] = value
  end

  def dig(doc, path)
    path.split(".").reduce(doc) { |tree, key| tree.is_a?(Hash) ? tree[key] : nil }
  end

  # --- in and out of Logstash ------------------------------------------------------------------------------------

  def carried_from(event)
    tree = event.to_hash
    CARRIED.each_with_object({}) do |(path, target), found|
      value = lookup(tree, path)
      value = clean(value) if value.is_a?(String)
      found[target] = value unless value.nil? || value.is_a?(Hash)
    end
  end

  def write(event, doc)
    event.to_hash.each_key { |key| event.remove(key) unless key.start_with?("@") }
    doc.each { |key, value| event.set(key, key == "@timestamp" ? LogStash::Timestamp.new(value) : value) }
  end

  # Keys and values that Logstash and Elasticsearch can both hold. Brackets are Logstash's own syntax for nesting.
  def tidy(value, depth = 0)
    case value
    when Hash
      return JSON.generate(value, allow_nan: true)[0, 32_000] if depth >= MAX_DEPTH

      value.each_with_object({}) do |(key, inner), tidied|
        name = key.to_s.tr("[]", "()").delete("\u0000")
        name = "#{name[0, MAX_KEY]}~#{OpenSSL::Digest::SHA256.hexdigest(name)[0, 8]}" if name.length > MAX_KEY
        name = "_" if name.empty?
        name += "_" while tidied.key?(name)
        tidied[name] = tidy(inner, depth + 1) unless inner.nil?
      end
    when Array
      return JSON.generate(value, allow_nan: true)[0, 32_000] if depth >= MAX_DEPTH

      value.map { |inner| tidy(inner, depth + 1) }
    when Float then value.finite? ? value : value.to_s
    when Integer then value.abs < 2**63 ? value : value.to_s
    else value
    end
  end
end

# Times as apps write them. Gives the time and whether its zone was told.
module ::VitalsLog::Clock
  TEXT = /\A(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d\d:?\d\d)?\z/
  ACCESS = %r{\A(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})\z}

  def self.read(value)
    case value
    when Integer, Float then number(value)
    when String
      if value.match?(/\A\d{9,19}(?:\.\d{1,9})?\z/) then number(value.include?(".") ? value.to_f : value.to_i)
      elsif (m = TEXT.match(value)) then text(m)
      elsif (m = ACCESS.match(value))
        [Time.utc(m[3].to_i, m[2], m[1].to_i, m[4].to_i, m[5].to_i, m[6].to_i) - offset(m[7]), true]
      end
    end
  rescue ArgumentError, FloatDomainError, RangeError
    nil
  end

  def self.text(m)
    fraction = m[7] ? Rational(m[7].to_i, 10**m[7].length) : 0
    [Time.utc(m[1].to_i, m[2].to_i, m[3].to_i, m[4].to_i, m[5].to_i, m[6].to_i + fraction) - offset(m[8]), !m[8].nil?]
  end

  # Seconds, milliseconds, microseconds or nanoseconds since 1970, by their size.
  def self.number(value)
    scale = [[10**17, 10**9], [10**14, 10**6], [10**11, 1000], [10**8, 1]].find { |least, _| value >= least }
    scale && [Time.at(Rational(value, 1) / scale[1]).utc, true]
  end

  def self.offset(zone)
    return 0 unless zone && (m = /([+-])(\d\d):?(\d\d)/.match(zone))

    (m[1] == "-" ? -1 : 1) * (m[2].to_i * 3600 + m[3].to_i * 60)
  end
end

# Text lines whose form is known.
module ::VitalsLog::TextLine
  STAMP = /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?/
  LEVEL = /TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL/i
  FORMS = [
    # Python's logging, '%(asctime)s - %(name)s - %(levelname)s - %(message)s'
    /\A(?<time>#{STAMP}) - (?<logger>\S{1,200}) - (?<level>#{LEVEL}) - (?<message>.*+)\z/m,
    # time, level, maybe the logger
    /\A(?<time>#{STAMP})\s{1,8}\[?(?<level>#{LEVEL})\]?:?\s{1,8}(?:\[(?<logger>[\w.$-]{1,200})\]:?\s{1,8})?(?<message>.*+)\z/m,
    # PostgreSQL
    /\A(?<time>#{STAMP} UTC) \[\d{1,10}\](?: \S{1,200})? (?<level>LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC):\s{1,8}(?<message>.*+)\z/m,
    # uvicorn: access, then anything else
    %r{\A(?<level>#{LEVEL}):\s{1,10}(?<remote>[0-9a-fA-F.:\[\]]{2,45}):\d{1,5} - "(?<method>[A-Z]{3,10}) (?<path>[^" ]{1,8192}) HTTP/[\d.]{1,3}" (?<status>\d{3})(?<message>)(?: [A-Za-z ]{0,40})?\z},
    /\A(?<level>#{LEVEL}):(?:(?<logger>[\w.$-]{1,200}):)?\s{0,10}(?<message>.*+)\z/m,
    # nginx, Apache
    %r{\A(?<remote>[0-9a-fA-F.:]{2,45}) \S{1,255} \S{1,255} \[(?<time>[^\]]{1,40})\] "(?<method>[A-Z]{3,10}) (?<path>[^" ]{1,8192}) HTTP/[\d.]{1,3}" (?<status>\d{3})(?<message>) (?:\d{1,18}|-)(?: "[^"]{0,8192}" "[^"]{0,8192}")?\z},
  ].freeze
  LOGFMT = /\s{0,8}([A-Za-z_][\w.\/-]{0,100})=(?:"((?:[^"\\]++|\\.)*+)"|([^\s"]*+))(?=\s|\z)/m
  TRACEBACK = "Traceback (most recent call last):"

  def self.read(line)
    return if line.match?(/\A\s*+[\[{]/)

    head, stack = split(line)
    fields = logfmt(head)
    unless fields
      match = nil
      FORMS.any? { |form| match = form.match(head) }
      fields = match.named_captures.compact if match
    end
    if fields && fields["remote"]
      fields["client.ip"] = fields.delete("remote").delete("[]")
      fields["message"] = head
      fields["level"] ||= fields["status"].start_with?("5") ? "error" : "info"
    end
    return fields unless stack

    fields ||= { "message" => head.strip.empty? ? stack.lines.last.to_s.strip : head.strip }
    fields.merge("error.stack_trace" => stack)
  end

  def self.split(line)
    at = line.index(TRACEBACK)
    at ? [line[0, at].rstrip, line[at..]] : [line, nil]
  end

  # The last line of a Python traceback that begins at the margin: `ValueError: no such thing`.
  def self.raised(stack)
    return unless stack.include?(TRACEBACK)

    line = stack.lines.reverse_each.find { |l| l.match?(/\A[A-Za-z_][\w.]{0,200}(?::|\s*$)/) && !l.start_with?("Traceback", "During ", "The above ") }
    return unless line

    type, _, message = line.chomp.partition(":")
    [type.strip, message.strip]
  end

  def self.logfmt(line)
    return unless line.match?(/\A(?:ts|t|time|level|lvl|logger|caller|msg)=/)

    fields = {}
    scanner = StringScanner.new(line)
    while scanner.scan(LOGFMT)
      key, quoted, bare = scanner[1], scanner[2], scanner[3]
      fields[key] = quoted ? quoted.gsub(/\\(.)/m) { |pair| { "n" => "\n", "t" => "\t" }.fetch(pair[1], pair[1]) } : bare
    end
    fields if fields.size > 1 && scanner.rest.strip.empty?
  end
end

# Secrets and personal data. What a key says of its value counts first, then what the value looks like.
class ::VitalsLog::Redactor
  SECRET = "[redacted]".freeze

  # What was found in one line, by kind.
  class Seen
    attr_reader :kinds

    def initialize
      @kinds = []
    end

    def add(kind)
      @kinds << kind unless @kinds.include?(kind)
    end
  end

  # Parts of a key that give it away wherever they stand, lower case, without what is between words.
  SECRET_PARTS = %w[password passwd passphrase secret apikey accesskey privatekey signingkey credential authorization
                    authtoken accesstoken refreshtoken idtoken bearertoken sessiontoken apitoken csrf connectionstring
                    clientassertion].freeze
  # Last words of a key.
  SECRET_WORDS = %w[token jwt pwd otp pin cvv cvc cookie cookies auth bearer].freeze
  MAIL_WORDS = %w[email mail emails emailaddress].freeze
  SECRET_PART = Regexp.union(SECRET_PARTS)
  LAST_WORD = /(?:#{Regexp.union(SECRET_WORDS + MAIL_WORDS)})\z/
  PERSON_KEYS = %w[phone phonenumber mobile mobilenumber telephone msisdn ssn iban passport passportnumber dateofbirth
                   dob birthdate firstname lastname fullname customername cardnumber cardholder creditcard
                   shippingaddress billingaddress streetaddress street].freeze

  # Names that are followed by a secret in text: name, separator, value.
  NAMES = /password|passwd|passphrase|pwd|secret|api[_-]?key|(?:access|account|private|shared[_-]?access)[_-]?key|shared[_-]?access[_-]?signature|client[_-]?secret|credentials?|(?<![A-Za-z])token|(?:access|refresh|auth|id|session|bearer|api|csrf)[_-]?token|authorization|x-api-key|cookie/i
  NAMED = /((?:#{NAMES})(?:[_-][A-Za-z0-9]{1,20})?(?:\\?["'])?\s{0,4}(?:=>|[:=])\s{0,4})((?:basic|bearer|token|digest|apikey)\s{1,4})?(\\"(?:[^"\\\n]++|\\(?!"))*+|"(?:[^"\\\n]++|\\.)*+|'(?:[^'\\\n]++|\\.)*+|[^\s"',;&)}\]\\]++)/i

  COOKIE = /((?:set-)?cookie\s{0,4}:\s{0,4})(?=[^\s"'=]{1,200}=)[^\n"']++/i
  PRIVATE_KEY = /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\z)/m
  URL_LOGIN = %r{(?<=://)(?:([^\s"'<>/?\#@:]{0,256}):[^\s"'<>/?\#]{1,512}@|[^\s"'<>/?\#@:]{16,256}@)}
  URL_SECRET = %r{(https://(?:hooks\.slack\.com/(?:services|workflows)|discord(?:app)?\.com/api/webhooks|[a-z0-9.-]{1,100}\.webhook\.office\.com)/)[^\s"'<>]{1,512}}
  BEARER = /\b(bearer|basic)(\s{1,4})(?=[A-Za-z0-9._~+\/=-]{0,60}[0-9=_]|[A-Za-z0-9._~+\/=-]{24})[A-Za-z0-9._~+\/=-]{12,}/i
  JWT = /(?<![\w-])eyJ(?>[\w-]{5,})\.(?>[\w-]{5,})(?:\.[\w-]*+){0,3}/
  # Keys by the prefix their issuer gives them.
  KEY = /(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{16,}|(?:sk|rk|pk|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}|(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}(?![0-9A-Za-z])|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z](?:-[A-Za-z0-9]{1,255}){2,}|xapp-[A-Za-z0-9-]{16,}|AIza[\w-]{30,}|ya29\.[\w-]{20,}|hf_[A-Za-z0-9]{20,}|lsv2_[a-z]{2}_\w{20,}|gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|pplx-[A-Za-z0-9]{20,}|pcsk_\w{20,}|r8_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|SG\.(?>[\w-]{16,})\.[\w-]{16,}|dop_v1_[a-f0-9]{40,}|eyJrIjoi[\w-]{20,}|glsa_\w{20,}|dapi[a-f0-9]{32})/
  MAIL = /(?<![\p{L}\p{N}._+'-])[\p{L}\p{N}._+'-]++(?:@|%40)(?:[\p{L}\p{N}][\p{L}\p{N}-]{0,62}\.){1,8}\p{L}{2,24}/
  CARD = /(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){8,15}(?![\w-])(?!\.\d)/
  PHONE = /(?<![\w+])\+[1-9]\d{0,2}(?:[ .-]\(?\d{1,5}\)?){2,6}(?![\w])/

  def initialize(hash_key)
    @hash_key = hash_key
  end

  # A copy of the fields without secrets, and how many leaves it has. `mails` receives hashes of the addresses that
  # stood under a key of their own: the same person is the same hash, and nobody can tell who.
  def tree(fields, seen, mails)
    count = [0]
    [copy(fields, "", seen, mails, count, 0), count[0]]
  end

  def text(value, seen = Seen.new)
    # A short word without a sign in it is none of all this; most values are one.
    return value if value.length < 12 && !value.match?(/[@:=+]/)

    # JSON may spell half of a character (\\ud800); regular expressions refuse such text.
    value = value.scrub("\uFFFD") unless value.valid_encoding?
    out = value
    out = swap(out, PRIVATE_KEY, seen, "key") { SECRET } if out.include?("-----BEGIN")
    if out.include?("://")
      out = swap(out, URL_SECRET, seen, "url") { |m| "#{m[1]}#{SECRET}" }
      out = swap(out, URL_LOGIN, seen, "url") { |m| m[1] ? "#{m[1]}:#{SECRET}@" : "#{SECRET}@" }
    end
    out = swap(out, JWT, seen, "jwt") { SECRET } if out.include?("eyJ")
    out = swap(out, KEY, seen, "key") { SECRET }
    if out.match?(/[:=]/)
      out = swap(out, COOKIE, seen, "named") { |m| "#{m[1]}#{SECRET}" }
      out = swap(out, NAMED, seen, "named") { |m| named(m) }
    end
    out = swap(out, BEARER, seen, "key") { |m| "#{m[1]}#{m[2]}#{SECRET}" } if out.match?(/bearer|basic/i)
    out = swap(out, MAIL, seen, "email") { |m| m[0].start_with?("git@") ? m[0] : "[email]" } if out.match?(/@|%40/)
    out = swap(out, CARD, seen, "card") { |m| card?(m[0]) ? "[card]" : m[0] } if out.match?(/[2-6]\d{3}/)
    out = swap(out, PHONE, seen, "phone") { |m| phone?(m[0]) ? "[phone]" : m[0] } if out.include?("+")
    out
  end

  private

  def copy(value, key, seen, mails, count, depth)
    kind = kind_of(key, value)
    return mark(kind, value, seen, mails, count, depth) if kind

    case value
    when Hash
      value.each_with_object({}) do |(inner_key, inner), kept|
        name = text(inner_key.to_s, seen)
        name += "_" while kept.key?(name)
        kept[name] = copy(inner, inner_key.to_s, seen, mails, count, depth + 1)
      end
    when Array then value.map { |inner| copy(inner, key, seen, mails, count, depth + 1) }
    when String
      count[0] += 1
      text(value, seen)
    when Integer
      count[0] += 1
      digits = value.abs.to_s
      return value unless digits.length.between?(13, 19) && card?(digits)

      seen.add("card")
      "[card]"
    else
      count[0] += 1
      value
    end
  end

  def kind_of(key, value)
    return if key.empty? || value.nil? || value == true || value == false || value == ""

    flat = key.downcase.delete("^a-z0-9")
    return :person if PERSON_KEYS.include?(flat) && !value.is_a?(Hash)
    # A count of passwords is none; a number named password may be one.
    return :secret if flat.match?(SECRET_PART)
    return unless flat.match?(LAST_WORD)

    words = key.gsub(/([a-z0-9])([A-Z])/, '\1_\2').downcase.split(/[^a-z0-9]+/)
    last = words.last
    return :secret if SECRET_WORDS.include?(last) && (value.is_a?(String) || last != "token")

    :mail if MAIL_WORDS.include?(last) || words.last(2).join == "emailaddress"
  end

  def mark(kind, value, seen, mails, count, depth)
    count[0] += 1
    case kind
    when :mail
      return value.map { |item| mark(kind, item, seen, mails, count, depth) } if value.is_a?(Array)
      return SECRET if value.is_a?(Hash)
      # Not an address, and nothing like one: a flag, a number of mails.
      return value unless value.to_s.include?("@")

      seen.add("email")
      hashed = "email:#{OpenSSL::HMAC.hexdigest('SHA256', @hash_key, value.to_s.strip.downcase)[0, 16]}"
      mails << hashed
      hashed
    when :person
      seen.add("person")
      "[personal]"
    else
      seen.add("named")
      SECRET
    end
  end

  def swap(text, pattern, seen, kind)
    text.gsub(pattern) do |found|
      replaced = yield Regexp.last_match
      seen.add(kind) unless replaced == found
      replaced
    end
  end

  # The value's own opening quote stays (its closing one was not taken), so that JSON in a message is still JSON.
  def named(match)
    name, scheme, value = match.captures
    # max_token=512 counts tokens.
    return match[0] if value == SECRET || value.start_with?("[redacted") || (name.match?(/token/i) && value.match?(/\A\d{1,8}\z/))

    "#{name}#{scheme}#{value[/\A\\?["']/]}#{SECRET}"
  end

  # Numbers of the great card schemes, with the right check digit.
  def card?(text)
    digits = text.delete("^0-9")
    return false unless digits.match?(/\A(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12}|35\d{14})\z/)

    sum = digits.reverse.each_char.with_index.sum do |char, i|
      n = char.to_i * (i.odd? ? 2 : 1)
      n > 9 ? n - 9 : n
    end
    (sum % 10).zero?
  end

  def phone?(text)
    text.count("0-9").between?(10, 15)
  end
end
