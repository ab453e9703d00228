{-# LANGUAGE OverloadedStrings #-}
-- | The programs of the book's cookbook in Haskell: its first ten recipes. They make what those in plugins/cookbook
-- make; the book includes pieces by their anchors, and its commands are run with this plugin too.
module Plugin (plugin) where

import Data.Foldable (for_)
import Data.List (sortOn)
import qualified Data.Map.Strict as Map
import Data.Ord (Down (..))
import qualified Data.Text as T
import qualified Data.Text.Read as T
import Data.Time.Calendar (Day, addDays, diffDays, fromGregorian, gregorianMonthLength, showGregorian)
import WRun hiding (plugin)
import qualified WRun

-- ANCHOR: orders
-- | Lines of @product,amount@.
orders :: T.Text -> Either String [(T.Text, Integer)]
orders content = mapM order (zip [1 :: Integer ..] (T.lines content))
  where
    order (n, line) = case T.breakOn "," line of
      (product', amount) | Right (found, "") <- T.decimal (T.drop 1 amount) -> Right (product', found)
      _ -> Left ("line " ++ show n ++ ": `" ++ T.unpack line ++ "` is not `product,amount`")

-- | Reads a file of orders; with the name empty, the only one of the input.
readOrders :: Input -> FilePath -> IO [(T.Text, Integer)]
readOrders input name' = readText input name' >>= either failTask pure . orders

-- | Where the orders of a day are.
ofDay :: Path -> Day -> T.Text
ofDay folder day = pathText folder <> "/" <> T.pack (showGregorian day) <> ".csv"

folderParam :: Params Path
folderParam = withDefault "\"orders\"" (path "orders" "Folder with a file of orders a day")

writeNumber :: Integer -> IO ()
writeNumber = writeOutput "value.json" . show

readNumber :: Input -> IO Integer
readNumber input = readText input "value.json" >>= either failTask (pure . fst) . T.decimal
-- ANCHOR_END: orders

-- ANCHOR: day
dayParams :: Params (Day, Path)
dayParams = (,) <$> positional (date "date" "Day of the orders") <*> folderParam

dayTotal :: Task (Day, Path) Input
dayTotal = task
  { name = "day-total", doc = "Sum up the orders of one day"
  , params = dayParams
  , outputs = [File "value.json"]
  , requires = \(day, folder) -> external "file" (ofDay folder day)
  , run = \_ file -> readOrders file "" >>= writeNumber . sum . map snd }
-- ANCHOR_END: day

-- ANCHOR: month
monthTotal :: Task (Month, Path) [Input]
monthTotal = task
  { name = "month-total", doc = "Sum up the orders of a month"
  , params = (,) <$> positional (month "month" "Month of the orders") <*> folderParam
  , outputs = [File "value.json"]
  , requires = \(Month y m, folder) ->  -- one task a day, all at once
      let oneDay n = dep (show (n - 1)) "day-total" ["date" .= fromGregorian y m n, "orders" .= folder]
       in traverse oneDay [1 .. gregorianMonthLength y m]
  , run = \_ days -> mapM readNumber days >>= writeNumber . sum }
-- ANCHOR_END: month

-- ANCHOR: split
splitProducts :: Task (Day, Path) Input
splitProducts = task
  { name = "split-products", doc = "Split the orders of one day by product"
  , params = (,) <$> date "date" "Day of the orders" <*> folderParam
  , outputs = [Directory "products", File "index.txt"]
  , requires = \(day, folder) -> external "file" (ofDay folder day)
  , run = \_ file -> do
      found <- readOrders file ""
      let products = Map.fromListWith (flip (<>)) [(product', [amount]) | (product', amount) <- found]
      for_ (Map.toAscList products) $ \(product', amounts) ->
        writeOutput ("products/" ++ T.unpack product' ++ ".txt") (unlines (map show amounts))
      writeText "index.txt" (T.unlines (Map.keys products)) }
-- ANCHOR_END: split

-- ANCHOR: part
splitPart :: Day -> Path -> FilePath -> Requires Input
splitPart day folder = part "split-products" "split-products" ["date" .= day, "orders" .= folder]

productTotal :: Task (Day, T.Text, Path) Input
productTotal = task
  { name = "product-total", doc = "Sum up the orders of one product on one day"
  , params = (,,) <$> date "date" "Day of the orders" <*> text "product" "Name of the product" <*> folderParam
  , outputs = [File "value.json"]
  -- This product's file, and nothing else of the split.
  , requires = \(day, product', folder) -> splitPart day folder ("products/" ++ T.unpack product' ++ ".txt")
  , run = \_ amounts -> do
      let amount line = case T.decimal line of
            Right (found, "") -> pure found
            _ -> failTask ("the amount `" ++ T.unpack line ++ "`")
      readText amounts "" >>= mapM amount . T.lines >>= writeNumber . sum }
-- ANCHOR_END: part

-- ANCHOR: ranking
ranking :: Task (Day, Path) Input
ranking = task
  { name = "ranking", doc = "Rank the products of one day", dynamic = True
  , params = dayParams
  , outputs = [File "value.txt"]
  , requires = \(day, folder) -> splitPart day folder "index.txt"
  , run = \(day, folder) index -> do
      products <- T.lines <$> readText index ""
      let total product' = dep "" "product-total" ["date" .= day, "product" .= product', "orders" .= folder]
      totals <- need (traverse total products) >>= mapM readNumber  -- suspends here
      let line (n, product') = T.unpack product' ++ " " ++ show n ++ "\n"
      writeOutput "value.txt" (concatMap line (sortOn (\(n, product') -> (Down n, product')) (zip totals products))) }
-- ANCHOR_END: ranking

-- ANCHOR: between
between :: Task (Day, Day, Path) ()
between = task
  { name = "between", doc = "Sum up the orders from one day to another", dynamic = True
  , params = checked (\(from, to, _) -> if to < from then Just "`to` is before `from`" else Nothing)
      ((,,) <$> date "from" "First day" <*> date "to" "Last day" <*> folderParam)
  , outputs = [File "value.json"]
  , requires = \_ -> pure ()
  , run = \(from, to, folder) () -> do
      let half a b = dep "" "between" ["from" .= a, "to" .= b, "orders" .= folder]
          middle = addDays (diffDays to from `div` 2) from
      parts <- if from == to
        then (: []) <$> need (dep "" "day-total" ["date" .= from, "orders" .= folder])
        else need (sequenceA [half from middle, half (addDays 1 middle) to])
      mapM readNumber parts >>= writeNumber . sum }
-- ANCHOR_END: between

-- ANCHOR: optional
labelled :: Task (Day, Path, Maybe Path) (Input, Maybe Input)
labelled = task
  { name = "labelled", doc = "List the orders of one day, by the products' names where they are known"
  , params = (,,) <$> positional (date "date" "Day of the orders") <*> folderParam
                  <*> param (optional pathKind) "names" "File with lines of `product,name`"
  , outputs = [File "value.txt"]
  , requires = \(day, folder, names) -> (,)
      <$> external "orders" (ofDay folder day)
      <*> traverse (external "names" . pathText) names
  , run = \_ (file, names) -> do
      known <- maybe (pure "") (`readText` "") names
      let labels = Map.fromList [T.drop 1 <$> T.breakOn "," line | line <- T.lines known]
          line (product', amount) = T.unpack (Map.findWithDefault product' product' labels) ++ ": " ++ show amount ++ "\n"
      readOrders file "" >>= writeOutput "value.txt" . concatMap line }
-- ANCHOR_END: optional

-- ANCHOR: waiting
closing :: Task (Day, Path) Input
closing = task
  { name = "closing", doc = "Sum up a day that is over, as soon as its orders have come"
  , params = dayParams
  , outputs = [File "value.json"]
  , requires = \(day, folder) -> notBefore "over" (showGregorian (addDays 1 day) ++ "T00:00:00Z")
      *> externalOrWait "orders" (ofDay folder day)
  , run = \_ file -> readOrders file "" >>= writeNumber . sum . map snd }
-- ANCHOR_END: waiting

-- ANCHOR: glob
filesParam :: Params Path
filesParam = withDefault "\"orders/*.csv\"" (path "files" "Files of orders")

everything :: Task Path Input
everything = task
  { name = "everything", doc = "Sum up every file of orders that there is"
  , params = filesParam
  , outputs = [File "value.json"]
  , requires = external "external" . pathText  -- a file, a folder or a glob
  , run = \_ found -> files found "" >>= mapM (readOrders found) >>= writeNumber . sum . map snd . concat }
-- ANCHOR_END: glob

-- ANCHOR: listing
sizes :: Task Path Input
sizes = task
  { name = "sizes", doc = "Say how many files of orders there are, and how large"
  , params = filesParam
  , outputs = [File "value.txt"]
  , requires = listing "listing" . pathText  -- names and sizes; the bytes are not read
  , run = \_ found -> do
      lines' <- T.lines <$> readText found ""
      let bytes = sum [n | Right (n, _) <- map T.decimal lines'] :: Integer
      writeOutput "value.txt" (show (length lines') ++ " files, " ++ show bytes ++ " bytes\n") }
-- ANCHOR_END: listing

plugin :: Plugin
plugin = WRun.plugin "cookbook" "The programs of the book's cookbook"
  [ offer dayTotal, offer monthTotal, offer splitProducts, offer productTotal, offer ranking, offer between
  , offer labelled, offer closing, offer everything, offer sizes ]
