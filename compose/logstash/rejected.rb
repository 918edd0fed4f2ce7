# An event that Elasticsearch refused becomes one that it cannot refuse: the reason, and the whole event as text.

require "json"

def register(params); end

def filter(event)
  about = event.get("[@metadata][dead_letter_queue]") || {}
  original = event.to_hash
  original.each_key { |key| event.remove(key) unless key.start_with?("@") }
  event.set("message", about["reason"].to_s[0, 4000])
  event.set("event", { "kind" => "pipeline_error", "original" => JSON.generate(original.merge("@timestamp" => original["@timestamp"].to_s)) })
  event.set("service", { "name" => original.dig("service", "name").to_s }) if original["service"].is_a?(Hash)
  event.set("vitals", { "rejected_by" => about["plugin_id"].to_s })
  event.set("@timestamp", LogStash::Timestamp.new(about["entry_time"].to_s)) if about["entry_time"]
  [event]
end
