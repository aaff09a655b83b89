-- Turn a pandoc document into this report, the same way for HTML and PDF:
-- numbered captions, folded code, no foreign markup. genre_lib/binding/markdown.py writes the classes.

local for_pdf = FORMAT:match("typst") ~= nil
local count = { Figure = 0, Table = 0 }

-- The address of a figure depends on its caption, not on its number: links remain valid when
-- figures are added.
local taken = {}

local function address_of(kind, caption)
  local words = pandoc.List {}
  for word in pandoc.utils.stringify(caption):lower():gmatch("%a+") do words:insert(word) end
  local name = kind:lower() .. "-" .. table.concat(words, "-", 1, math.min(6, #words))
  taken[name] = (taken[name] or 0) + 1
  return taken[name] == 1 and name or name .. "-" .. taken[name]
end

local function list_runs(names)
  local items = pandoc.List {}
  for name in (names or ""):gmatch("%S+") do items:insert { pandoc.Code("runs/" .. name) } end
  if for_pdf or #items == 0 then return {} end
  local summary = "<summary>" .. #items .. (#items == 1 and " run" or " runs") .. "</summary>"
  return {
    pandoc.RawBlock("html", '<details class="runs">' .. summary),
    pandoc.BulletList(items),
    pandoc.RawBlock("html", "</details>"),
  }
end

-- Both formats are numbered here, so that "Table 2" is the same table in both.
local function number(element, kind, caption, runs)
  count[kind] = count[kind] + 1
  local label = pandoc.Strong(kind .. " " .. count[kind] .. ":")
  if not for_pdf then
    element.identifier = address_of(kind, caption)
    label = pandoc.Link(label, "#" .. element.identifier, "Link to this " .. kind:lower())
  end
  local text = pandoc.Plain(pandoc.Inlines { label, pandoc.Space() } .. caption)
  element.caption = { long = pandoc.Blocks { text } .. list_runs(runs) }
  return element
end

-- Markup in a text (a track id, say) is shown, not executed; only harmless tags pass.
local harmless = {
  br = true, sub = true, sup = true, b = true, i = true, em = true, strong = true, kbd = true,
  small = true, mark = true, u = true,
}

local function disarmed(raw)
  if raw.format == "tex" then
    local is_formula = raw.text:match("^%s*\\begin{") ~= nil
    return is_formula and pandoc.Math("DisplayMath", raw.text) or pandoc.Str(raw.text)
  end
  if raw.text:match("^%s*<!%-%-") then return nil end
  local tag = raw.text:match("^</?(%a+)%s*/?>$")
  if tag == "br" then return pandoc.LineBreak() end
  if tag and harmless[tag] then return pandoc.RawInline("html", raw.text) end
  return pandoc.Str(raw.text)
end

local function disarm_inline(raw)
  local inline = disarmed(raw)
  return inline or {}
end

local function disarm_block(raw)
  local inline = disarmed(raw)
  return inline and pandoc.Para { inline } or {}
end

-- Three dots that the source escaped stay three dots; typst would make an ellipsis of them.
local keep_dots
function keep_dots(str)
  local from, to = str.text:find("...", 1, true)
  if not (for_pdf and from) then return nil end
  local before, after = str.text:sub(1, from - 1), str.text:sub(to + 1)
  local rest = after ~= "" and (keep_dots(pandoc.Str(after)) or { pandoc.Str(after) }) or {}
  local parts = pandoc.Inlines { pandoc.Str(before), pandoc.RawInline("typst", '#"...";') }
  return parts .. rest
end

-- Typst sets the two columns of a case distinction without a gap.
local function space_cases(math)
  if not for_pdf then return nil end
  math.text = math.text:gsub("\\begin{cases}.-\\end{cases}", function(cases)
    return (cases:gsub("([^\\])&", "%1& \\quad "))
  end)
  return math
end

-- A link to a work of the bibliography cites it: its words stay, and the number follows.
local works = {}

local function read_works(doc)
  local all = pandoc.Cite({}, { pandoc.Citation("*", "AuthorInText") })
  local meta = { bibliography = doc.meta.bibliography, nocite = pandoc.Inlines { all } }
  for _, work in ipairs(pandoc.utils.references(pandoc.Pandoc({}, meta))) do
    local address = work.doi and "https://doi.org/" .. work.doi or work.url
    if address then works[address] = work.id end
  end
end

local function check_link(link)
  local work = works[link.target]
  if work then
    local number = pandoc.Cite({}, { pandoc.Citation(work, "NormalCitation") })
    return link.content .. pandoc.Inlines { pandoc.Str("\u{a0}"), number }
  end
  local scheme = link.target:match("^%s*(%a[%w+.-]*):")
  if scheme and not ({ http = true, https = true, mailto = true })[scheme:lower()] then
    return link.content
  end
end

local function check_image(image)
  if image.src:match("^%s*%a+://") or image.src:match("^%s*//") then
    error("the image " .. image.src .. " is on the network; the report must be self-contained: " ..
      "save the image beside the notebook, or draw it with show_figure")
  end
end

local function number_by_hand(kind)
  return function(element)
    local caption = pandoc.utils.blocks_to_inlines(element.caption.long)
    return #caption > 0 and number(element, kind, caption) or nil
  end
end

local function make_figure(div)
  local text = pandoc.utils.blocks_to_inlines(div.content)
  local alt = pandoc.utils.stringify(text)
  local image = pandoc.Image(alt, div.attributes.src, "", { width = div.attributes.width })
  if #text == 0 then return pandoc.Para { image } end
  return number(pandoc.Figure { pandoc.Plain { image } }, "Figure", text, div.attributes.runs)
end

local function make_table(div)
  local caption, tbl = pandoc.Blocks {}, nil
  for _, block in ipairs(div.content) do
    if block.t == "Table" then tbl = block else caption:insert(block) end
  end
  if not tbl then error("a table output contains no table: " .. pandoc.utils.stringify(div)) end
  return number(tbl, "Table", pandoc.utils.blocks_to_inlines(caption), div.attributes.runs)
end

local function place_div(div)
  if div.classes:includes("figure-output") then return make_figure(div) end
  if div.classes:includes("table-output") then return make_table(div) end
  if div.classes:includes("pdf-only") then return for_pdf and div.content or {} end
  if div.classes:includes("html-output") then
    -- genre_lib/binding/rendering.py replaces this comment with the real output.
    local mark = "<!--html-output:" .. div.attributes.number .. "-->"
    return for_pdf and {} or pandoc.RawBlock("html", mark)
  end
end

local function place_code(code)
  if code.classes:includes("folded") then
    if for_pdf then return {} end
    code.classes = code.classes:filter(function(class) return class ~= "folded" end)
    return {
      pandoc.RawBlock("html", '<details class="code"><summary>Code</summary>'),
      code,
      pandoc.RawBlock("html", "</details>"),
    }
  end
  if for_pdf then return pandoc.CodeBlock(code.text) end -- no colours on paper
end

-- Column widths in Markdown depend on the length of a source line; let the contents decide instead.
local function fit_table(tbl)
  tbl.colspecs = tbl.colspecs:map(function(spec) return { spec[1], nil } end)
  if for_pdf then return tbl end -- template.typ chooses the size
  return pandoc.Div({ tbl }, { class = #tbl.colspecs >= 8 and "table-box wide" or "table-box" })
end

-- Without a citation, the heading of the references is not needed.
local function drop_empty_references(doc)
  local cites = false
  doc:walk { Cite = function() cites = true end }
  if cites then return nil end
  doc.blocks = doc.blocks:filter(function(block)
    return block.identifier ~= "refs" and block.identifier ~= "references-bibliography"
  end)
  return doc
end

return {
  { Pandoc = read_works },
  { RawInline = disarm_inline, RawBlock = disarm_block, Link = check_link, Image = check_image },
  {
    Table = number_by_hand("Table"), Figure = number_by_hand("Figure"), Div = place_div,
    CodeBlock = place_code, Pandoc = drop_empty_references,
  },
  { Table = fit_table, Str = keep_dots, Math = space_cases },
}
