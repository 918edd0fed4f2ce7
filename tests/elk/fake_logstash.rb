# A fake of what Logstash gives its ruby filter, built to the documented Event API and to what its Java sources refuse:
# field references, LogStash::Timestamp for @timestamp, no brackets in keys. It runs the real script in plain Ruby.
#
# stdin:  {"script": path, "params": {...}, "events": [{"fields": {...}, "metadata": {...}}]}; base64 as {"~": "…"}
# stdout: for each event, the list of events that the filter gave back.

require "json"
require "time"

module LogStash
  class Timestamp
    def self.now
      new(Time.now.utc.iso8601(3))
    end

    def initialize(text)
      raise ArgumentError, "no ISO 8601 time: #{text.inspect}" unless text.is_a?(String)

      @time = Time.iso8601(text)
    end

    def to_s
      @time.utc.strftime("%Y-%m-%dT%H:%M:%S.%LZ")
    end
    alias to_iso8601 to_s

    def to_json(*)
      to_s.to_json
    end
  end

  class Event
    ELEMENT = /\[([^\[\],]+)\]/

    def initialize(data = {})
      @metadata = convert(data.delete("@metadata") || {})
      @data = convert(data)
      @data["@timestamp"] = Timestamp.new(@data["@timestamp"] || Timestamp.now.to_s)
      @data["@version"] ||= "1"
    end

    def get(reference)
      keys, root = path(reference)
      copy(keys.reduce(root) { |tree, key| tree.is_a?(Hash) ? tree[key] : nil })
    end

    def set(reference, value)
      keys, root = path(reference)
      if keys == ["@timestamp"] && !value.is_a?(Timestamp)
        raise TypeError, "wrong argument type #{value.class} (expected LogStash::Timestamp)"
      end
      tree = keys[0..-2].reduce(root) { |at, key| at[key] ||= {} }
      raise TypeError, "cannot set #{reference}: its parent is no map" unless tree.is_a?(Hash)

      tree[keys.last] = convert(value)
      value
    end

    def remove(reference)
      keys, root = path(reference)
      tree = keys[0..-2].reduce(root) { |at, key| at.is_a?(Hash) ? at[key] : nil }
      tree.delete(keys.last) if tree.is_a?(Hash)
    end

    def include?(reference)
      !get(reference).nil?
    end

    def tag(name)
      @data["tags"] = Array(@data["tags"]) | [name]
    end

    def timestamp
      @data["@timestamp"]
    end

    def to_hash
      copy(@data)
    end

    def clone
      other = Event.allocate
      other.instance_variable_set(:@data, copy(@data))
      other.instance_variable_set(:@metadata, copy(@metadata))
      other
    end

    private

    def path(reference)
      raise TypeError, "a field reference is text" unless reference.is_a?(String)

      keys = if reference.include?("[") || reference.include?("]")
               raise "Invalid FieldReference: `#{reference}`" unless reference.match?(/\A(?:#{ELEMENT.source})+\z/)

               reference.scan(ELEMENT).flatten
             else
               [reference]
             end
      keys.first == "@metadata" ? [keys[1..], @metadata] : [keys, @data]
    end

    def convert(value)
      case value
      when Hash
        value.to_h do |key, inner|
          raise "Invalid FieldReference: `#{key}`" if key.match?(/[\[\]]/)

          [key.to_s, convert(inner)]
        end
      when Array then value.map { |inner| convert(inner) }
      when String then value.dup
      when Numeric, true, false, nil, Timestamp then value
      else raise ArgumentError, "Missing Valuefier handling for #{value.class}"
      end
    end

    def copy(value)
      case value
      when Hash then value.transform_values { |inner| copy(inner) }
      when Array then value.map { |inner| copy(inner) }
      when String then value.dup
      else value
      end
    end
  end
end

# Bytes that are no UTF-8 come as base64.
def bytes(value)
  case value
  when Hash then value.keys == ["~"] ? value["~"].unpack1("m").force_encoding("UTF-8") : value.transform_values { |v| bytes(v) }
  else value
  end
end

if $PROGRAM_NAME == __FILE__
  job = JSON.parse($stdin.read, max_nesting: false)
  # As the plugin does it: the script's methods become those of one object.
  context = Object.new
  context.instance_eval(File.read(job["script"]), job["script"], 1)
  context.register(job["params"])
  results = job["events"].map do |given|
    fields = bytes(given["fields"])
    event = LogStash::Event.new(fields.reject { |k, _| k == "message" }.merge("@metadata" => given["metadata"] || {}))
    # As from a codec: text as it came.
    event.instance_variable_get(:@data)["message"] = fields["message"] if fields.key?("message")
    given_back = context.filter(event)
    raise "filter gave no array of events" unless given_back.is_a?(Array) && given_back.all?(LogStash::Event)

    given_back.map(&:to_hash)
  end
  puts JSON.generate(results, max_nesting: false)
end
