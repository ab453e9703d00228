local input = assert(io.popen("ls /in/file/*")):read("l")
-- Makes carrier,mean,flights; rows without a delay do not count. A script that began with a comment would be an option.
local file = assert(io.open(input))
local column = {}
local function fields(line)
  local out = {}
  for field in (line .. ","):gmatch("([^,]*),") do out[#out + 1] = field end
  return out
end
for i, name in ipairs(fields(file:read("l"))) do column[name] = i end
local sum, count, names = {}, {}, {}
for line in file:lines() do
  local row = fields(line)
  local carrier, delay = row[column.carrier], math.tointeger(row[column.dep_delay])
  if delay then
    if not sum[carrier] then sum[carrier], count[carrier], names[#names + 1] = 0, 0, carrier end
    sum[carrier], count[carrier] = sum[carrier] + delay, count[carrier] + 1
  end
end
table.sort(names)
local out = assert(io.open("/out/delays.csv", "w"))
out:write("carrier,mean,flights\n")
for _, name in ipairs(names) do
  out:write(string.format("%s,%.3f,%d\n", name, sum[name] / count[name], count[name]))
end
assert(out:close())
