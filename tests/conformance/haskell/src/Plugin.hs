{-# LANGUAGE ForeignFunctionInterface #-}
-- | The conformance kit in Haskell: see ../README.md.
module Plugin (plugin) where

import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import Data.Foldable (for_)
import qualified Data.Map.Strict as Map
import qualified Data.Text as T
import qualified Data.Text.Encoding as T
import Data.Time.Calendar (Day, toModifiedJulianDay)
import Data.Time.LocalTime (LocalTime (..), TimeOfDay (..))
import Numeric (showHex)
import System.Exit (ExitCode (..), exitWith)
import System.IO
import WRun hiding (plugin)
import qualified WRun
import WRun.Container (image)
import qualified WRun.Container as Container

foreign import ccall "abort" cAbort :: IO ()

leaf :: Task Integer ()
leaf = task
  { name = "leaf", doc = "A number in a file", version = Just "1", outputs = [File "n.txt"]
  , params = positional (withDefault "0" (integerIn 0 1000000 "n" "Number"))
  , requires = \_ -> pure ()
  , run = \n () -> writeOutput "n.txt" (show n ++ "\n") }

data Kinds = Kinds
  { kText :: T.Text, kWhole, kSmall :: Integer, kShare :: Double, kYes :: Bool, kDate :: Day, kMonth :: Month
  , kYear :: Integer, kHour, kMinute, kSecond :: LocalTime, kInterval :: Interval, kDuration :: Double
  , kPath :: Path, kLevel :: String, kDays :: [Day], kMap :: Map.Map T.Text Integer, kMaybe :: Maybe Integer
  , kCall :: Call, kSecret :: T.Text }

long :: Kind Integer
long = integerInKind (-9223372036854775808) 9223372036854775807

kinds :: Task Kinds ()
kinds = task
  { name = "kinds", doc = "Every kind of param", version = Just "1", outputs = [File "values.txt"]
  , params = Kinds
      <$> withDefault "\"é\"" (text "text" "Text")
      <*> withDefault "123456789012345678901234567890" (integer "whole" "Whole number")
      <*> withDefault "1" (integerIn 1 31 "small" "Small number")
      <*> withDefault "0.5" (float "share" "Number")
      <*> withDefault "true" (bool "yes" "Bool")
      <*> date "date" "Date" <*> month "month" "Month" <*> year "year" "Year" <*> hour "hour" "Hour"
      <*> minute "minute" "Minute" <*> second "second" "Second" <*> interval "interval" "Interval"
      <*> duration "duration" "Duration"
      <*> withDefault "\"text\"" (path "path" "Path")
      <*> withDefault "\"low\"" (choice [("low", "low"), ("high", "high")] "level" "Enum")
      <*> withDefault "[]" (param (list dateKind) "days" "List")
      <*> withDefault "{}" (param (mapOf long) "map" "Map")
      <*> param (optional long) "maybe" "Optional"
      <*> taskParam "call" "Task"
      <*> insignificant (withDefault "\"s\"" (text "secret" "Secret"))
  , requires = \_ -> pure ()
  , run = \k () -> do
      let bytes = B.unpack (T.encodeUtf8 (kText k))
          hex byte = let shown = showHex byte "" in replicate (2 - length shown) '0' ++ shown
          days day = show (toModifiedJulianDay day - 40587)
          moment parts (LocalTime day (TimeOfDay h m s)) =
            unwords (take (parts + 1) [days day, show h, show m, show (truncate s :: Integer)])
          thousandths x = show (round (x * 1000) :: Integer)
      writeOutput "values.txt" $ unlines
        [ unwords ["text", show (length bytes), concatMap hex bytes]
        , "whole " ++ show (kWhole k)
        , "small " ++ show (kSmall k + 1)
        , "share " ++ thousandths (kShare k)
        , "yes " ++ (if kYes k then "true" else "false")
        , "date " ++ days (kDate k)
        , unwords ["month", show (monthYear (kMonth k)), show (monthOfYear (kMonth k))]
        , "year " ++ show (kYear k)
        , "hour " ++ moment 1 (kHour k)
        , "minute " ++ moment 2 (kMinute k)
        , "second " ++ moment 3 (kSecond k)
        , unwords ["interval", T.unpack (intervalStart (kInterval k)), T.unpack (intervalEnd (kInterval k))]
        , "duration " ++ thousandths (kDuration k)
        , "path " ++ T.unpack (pathText (kPath k))
        , "level " ++ kLevel k
        , unwords ("days" : show (length (kDays k)) : map days (kDays k))
        , unwords ("map" : show (Map.size (kMap k)) : [T.unpack key ++ "=" ++ show n | (key, n) <- Map.toAscList (kMap k)])
        , "maybe " ++ maybe "none" show (kMaybe k)
        ] }

data Shape = Shape { sTask, sFile, sFolder, sFiles, sNames :: Input, sSome :: Maybe Input, sChosen :: Input }

shapes :: Task (Bool, Call) Shape
shapes = task
  { name = "shapes", doc = "Requirements of every shape", version = Just "1", outputs = [File "sums.txt"]
  , params = (,) <$> withDefault "false" (bool "more" "Whether there is one more") <*> taskParam "call" "Task"
  , requires = \(more, chosen) -> Shape
      <$> dep "task" "leaf" ["n" .= (1 :: Integer)]
      <*> part "file" "forest" ["count" .= (3 :: Integer)] "d1/f1.txt"
      <*> part "folder" "forest" ["count" .= (3 :: Integer)] "d2"
      <*> external "files" (T.pack "text")
      <*> listing "names" (T.pack "text")
      <*> (if more then Just <$> dep "some" "leaf" ["n" .= (2 :: Integer)] else pure Nothing)
      <*> call "chosen" chosen
      <* notBefore "_then" "2013-01-01T00:00:00Z"
  , run = \_ s -> do
      let line label input file = (\content -> label ++ " " ++ T.unpack content) <$> readText input file
      out <- sequence $
        [ line "task" (sTask s) "n.txt", line "file" (sFile s) "", line "folder" (sFolder s) "f2.txt"
        , line "files" (sFiles s) "b.txt", line "names" (sNames s) "", line "chosen" (sChosen s) "n.txt" ]
        ++ maybe [] (\some -> [line "some" some "n.txt"]) (sSome s)
      writeOutput "sums.txt" (concat out) }

forest :: Task Integer ()
forest = task
  { name = "forest", doc = "Many files in folders", version = Just "1"
  , params = withDefault "3" (integerIn 0 100000 "count" "Files")
  , requires = \_ -> pure ()
  , run = \count () -> for_ [0 .. count - 1] $ \i ->
      writeOutput ("d" ++ show (i `mod` 10) ++ "/f" ++ show i ++ ".txt") (show i ++ "\n") }

big :: Task Integer ()
big = task
  { name = "big", doc = "A big file", version = Just "1", outputs = [File "big.txt"]
  , params = withDefault "0" (integerIn 0 100000000 "lines" "Lines of 16 bytes")
  , requires = \_ -> pure ()
  , run = \count () -> do
      at <- outputPath "big.txt"
      withBinaryFile at WriteMode $ \out -> for_ [0 .. count - 1] $ \i ->
        let shown = show i in C.hPut out (C.pack (replicate (15 - length shown) '0' ++ shown ++ "\n")) }

halves :: Task (Integer, Integer) ()
halves = task
  { name = "halves", doc = "A sum by halves, while it runs", version = Just "1", outputs = [File "n.txt"]
  , dynamic = True
  , params = (,) <$> withDefault "0" (param long "from" "First") <*> withDefault "8" (param long "to" "Behind the last")
  , requires = \_ -> pure ()
  , run = \(from, to) () -> do
      progress (Just 0.5) "half"
      let number input = read . T.unpack <$> readText input "n.txt" :: IO Integer
          half a b = dep "" "halves" ["from" .= a, "to" .= b]
          middle = (from + to) `div` 2
      total <- if to - from <= 1
        then need (dep "" "leaf" ["n" .= from]) >>= number
        else need ((,) <$> half from middle <*> half middle to) >>= \(a, b) -> (+) <$> number a <*> number b
      writeOutput "n.txt" (show total ++ "\n") }

fails :: Task String ()
fails = task
  { name = "fails", doc = "Fail", version = Just "1", outputs = [File "n.txt"], dynamic = True
  , limits = noLimits { cpuMs = Just 1500, memoryBytes = Just 67108864, outputBytes = Just 100000 }
  , params = positional (choice [(how, how) | how <- hows] "how" "How")
  , requires = \how -> if how == "declare" then errorWithoutStackTrace "as was asked" else pure ()
  , run = \how () -> case how of
      "error" -> failTask "as was asked"
      "abort" -> cAbort
      "exit" -> exitWith (ExitFailure 1)
      "loop" -> print (spin 0)
      "memory" -> print (sum (hoard [0 ..]))
      "unmade" -> pure ()
      "output" -> writeOutput "n.txt" (replicate 200000 'x')
      "itself" -> () <$ need (dep "" "fails" ["how" .= T.pack "itself"])
      "stack" -> print (foldr (\n rest -> n + rest) 0 [1 :: Integer ..])
      "need" -> () <$ need (dep "" "fails" ["how" .= T.pack "error"])
      _ -> () <$ need (dep "" "nowhere" []) }
  where hows = words "error declare abort exit loop memory unmade output need unknown itself stack"

cell :: Task (Integer, Integer) (Maybe (Input, Input))
cell = task
  { name = "cell", doc = "A cell of a grid that is ten wide", version = Just "1", outputs = [File "n.txt"]
  , params = (,) <$> withDefault "5" (integerIn 0 100000 "row" "Row") <*> withDefault "0" (integerIn 0 9 "column" "Column")
  , requires = \(row, column) ->
      let above side at = dep side "cell" ["row" .= (row - 1), "column" .= at]
       in if row == 0 then pure Nothing
          else (\a b -> Just (a, b)) <$> above "left" column <*> above "right" ((column + 1) `mod` 10)
  , run = \(_, column) above -> do
      let number input = read . T.unpack <$> readText input "n.txt" :: IO Integer
      sums <- maybe (pure 0) (\(a, b) -> (+) <$> number a <*> number b) above
      writeOutput "n.txt" (show ((sums + column + 1) `mod` 1000003) ++ "\n") }

countLines :: Task Path Input
countLines = task
  { name = "lines", doc = "Count the lines of a file", version = Just "1", outputs = [File "n.txt"]
  , params = withDefault "\"text/a.txt\"" (path "source" "File")
  , requires = \source -> external "external" (pathText source)
  , run = \_ source -> do
      found <- L.count 10 <$> readLazy source ""
      writeOutput "n.txt" (show found ++ "\n") }

box :: Task (Integer, [T.Text]) ()
box = task
  { name = "box", doc = "What a container does", version = Just "1", outputs = [File "n.txt"]
  , params = (,) <$> withDefault "0" (integerIn 0 3 "said" "How much is said of it")
                 <*> withDefault "[]" (param (list textKind) "words" "Arguments")
  , requires = \(said, given) ->
      let plain = (image "kit.invalid/box:1") { Container.args = map T.unpack given }
          full = plain
            { Container.entrypoint = Just ["/bin/sh", "-c"], Container.workdir = Just "/out"
            , Container.user = Just "1000:1000", Container.network = True, Container.effect = True, Container.gpus = 2
            , Container.cpuMillis = Just 1500, Container.memory = Just 8589934592, Container.timeout = Just 3600
            , Container.tmpfs = Just 1048576, Container.accepted = [0, 3], Container.env = [("Z", "last"), ("A", "é\n=")]
            , Container.secrets = ["token", "key"], Container.labels = [("disk", "fast")] }
          -- That name is wrun's own.
          refused = full { Container.env = [("WRUN_X", "1")] }
       in (if said > 0 then () <$ dep "" "leaf" ["n" .= (1 :: Integer)] else pure ())
            <* inContainer (if said > 2 then refused else if said > 1 then full else plain)
  , run = \_ () -> pure () }

spin :: Integer -> Integer
spin n = if n < 0 then n else spin (n + 1)

-- | Keeps all of it.
hoard :: [Integer] -> [Integer]
hoard numbers = numbers ++ [fromIntegral (length numbers)]

plugin :: Plugin
plugin = WRun.plugin "kit" "The conformance kit"
  [offer kinds, offer shapes, offer forest, offer big, offer halves, offer fails
  , offer cell, offer countLines, offer box, offer leaf]
