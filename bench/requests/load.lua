-- The load wrk sends: which znodes are asked for, and how. It must cost next to nothing per request, so requests are
-- put together before the first is sent wherever they can be.
--
-- wrk … -s load.lua URL -- KIND PARENT COUNT DISTINCT
--   KIND    get, set, churn (creates and deletes), page (100 names of children), multi (100 sets in a transaction) or
--           gatewayPut (the same as set, by the JSON gateway of etcd)
--   PARENT  path of the parent, for example /bench
--   COUNT   its children: n0000000, n0000001, …
--   DISTINCT  how many of them are asked for at most, spread evenly over all

local value = string.rep("0123456789", 10)
local prepared_max
local page_names = 100
local multi_sets = 100
-- A znode is deleted this many creates after its own: by then no connection has it under way any more, not even one that
-- a busy machine has held up.
local churn_distance = 4096

local requests = {}
local position = 0
local next_request

local function name(index)
  return string.format("n%07d", index)
end

local function prepare(count, format)
  local prepared = math.min(count, prepared_max)
  for index = 0, prepared - 1 do
    requests[index] = format(name(math.floor(index * count / prepared)))
  end
  -- A step that shares no factor with the number of requests: every one is sent before any is sent again, and
  -- neighbours are not neighbours in the tree.
  local step = 7919
  return function()
    position = (position + step) % prepared
    return requests[position]
  end
end

local function multi(parent, count)
  local transactions = math.min(100, math.ceil(count / multi_sets))
  for index = 0, transactions - 1 do
    local sets = {}
    for offset = 0, multi_sets - 1 do
      local child = (index + offset * transactions) % count
      sets[offset + 1] = string.format('{"op":"set","path":"%s/%s","data":"%s"}', parent, name(child), value)
    end
    local body = '{"operations":[' .. table.concat(sets, ",") .. "]}"
    requests[index] = wrk.format("POST", "/v1/transactions", nil, body)
  end
  return function()
    position = (position + 1) % transactions
    return requests[position]
  end
end

-- Names of their own for each run, since the last ones of a run are not deleted.
local function churn(parent)
  local prefix = parent .. os.time() .. "-"
  local created = 0
  local is_delete = false
  return function()
    if is_delete then
      is_delete = false
      return wrk.format("DELETE", prefix .. created - churn_distance)
    end
    created = created + 1
    -- One more: wrk asks for a first request to look at, and does not send it.
    is_delete = created > churn_distance + 1
    return wrk.format("POST", prefix .. created, nil, value)
  end
end

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function base64(text)
  local function character(number)
    return alphabet:sub(number + 1, number + 1)
  end
  local encoded = text:gsub("..?.?", function(three)
    local a, b, c = three:byte(1, 3)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    return character(math.floor(bits / 262144))
      .. character(math.floor(bits / 4096) % 64)
      .. (b and character(math.floor(bits / 64) % 64) or "=")
      .. (c and character(bits % 64) or "=")
  end)
  return encoded
end

local function gateway_put(parent, child)
  local body = string.format('{"key":"%s","value":"%s"}', base64(parent .. "/" .. child), base64(value))
  return wrk.format("POST", "/v3/kv/put", nil, body)
end

function init(args)
  local kind, parent, count = args[1], args[2], tonumber(args[3])
  prepared_max = tonumber(args[4])
  local znodes = "/v1/znodes" .. parent .. "/"
  if kind == "get" then
    next_request = prepare(count, function(child) return wrk.format("GET", znodes .. child) end)
  elseif kind == "set" then
    next_request = prepare(count, function(child) return wrk.format("PUT", znodes .. child, nil, value) end)
  elseif kind == "page" then
    local children = "/v1/children" .. parent .. "?limit=" .. page_names .. "&after="
    -- The last pages are left out, so that every page is a full one.
    next_request = prepare(count - page_names - 1, function(child) return wrk.format("GET", children .. child) end)
  elseif kind == "gatewayPut" then
    next_request = prepare(count, function(child) return gateway_put(parent, child) end)
  elseif kind == "multi" then
    next_request = multi(parent, count)
  else
    next_request = churn(znodes)
  end
end

function request()
  return next_request()
end

-- One line for whoever started wrk; times are in microseconds.
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    'result {"requests":%d,"durationUs":%d,"failed":%d,"p50Us":%d,"p99Us":%d,"maxUs":%d}\n',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99), latency.max
  ))
end
