-- | JSON, as far as params need it.
module WRun.Json (Value (..), parse, render) where

import Data.Bits (shiftL, (.&.))
import Data.Char (chr, digitToInt, isHexDigit, ord)
import Data.List (intercalate)
import qualified Data.Text as T
import Numeric (showHex)

-- | A JSON value. Numbers keep their text, so that integers may have any size.
data Value = Null | Bool Bool | Number String | String T.Text | Array [Value] | Object [(T.Text, Value)]
  deriving (Eq, Show)

-- | Reads a JSON text.
parse :: String -> Either String Value
parse input = do
  (value, rest) <- one (blank input)
  if null (blank rest) then Right value else Left ("there is more after the value: " ++ take 20 rest)

blank :: String -> String
blank = dropWhile (`elem` " \t\r\n")

one :: String -> Either String (Value, String)
one ('n' : 'u' : 'l' : 'l' : rest) = Right (Null, rest)
one ('t' : 'r' : 'u' : 'e' : rest) = Right (Bool True, rest)
one ('f' : 'a' : 'l' : 's' : 'e' : rest) = Right (Bool False, rest)
one ('"' : rest) = do
  (letters, after) <- quoted rest
  Right (String (T.pack letters), after)
one ('[' : rest) = many ']' item (blank rest) Array
  where item = one
one ('{' : rest) = many '}' pair (blank rest) Object
  where
    pair ('"' : more) = do
      (key, after) <- quoted more
      case blank after of
        ':' : value -> do
          (found, left) <- one (blank value)
          Right ((T.pack key, found), left)
        _ -> Left "a key without a value"
    pair _ = Left "a key that is no text"
one input = case span (`elem` "+-.eE0123456789") input of
  ("", _) -> Left ("no JSON: " ++ take 20 input)
  (digits, rest) -> Right (Number digits, rest)

many :: Char -> (String -> Either String (a, String)) -> String -> ([a] -> Value) -> Either String (Value, String)
many close item input build = case input of
  c : rest | c == close -> Right (build [], rest)
  _ -> go [] input
  where
    go found text = do
      (value, rest) <- item text
      case blank rest of
        ',' : more -> go (value : found) (blank more)
        c : more | c == close -> Right (build (reverse (value : found)), more)
        _ -> Left "a list or an object that does not end"

quoted :: String -> Either String (String, String)
quoted ('"' : rest) = Right ("", rest)
quoted ('\\' : 'u' : rest)
  | length digits == 4 && all isHexDigit digits = surrogate (hex digits) (drop 4 rest)
  where digits = take 4 rest
quoted ('\\' : c : rest) = prepend (maybe c id (lookup c [('b', '\b'), ('f', '\f'), ('n', '\n'), ('r', '\r'), ('t', '\t')])) (quoted rest)
quoted (c : rest) = prepend c (quoted rest)
quoted "" = Left "a text that does not end"

surrogate :: Int -> String -> Either String (String, String)
surrogate high ('\\' : 'u' : rest)
  | high >= 0xd800 && high < 0xdc00 =
      prepend (chr (0x10000 + ((high - 0xd800) `shiftL` 10) + (hex (take 4 rest) .&. 0x3ff))) (quoted (drop 4 rest))
surrogate code rest = prepend (chr code) (quoted rest)

prepend :: Char -> Either String (String, String) -> Either String (String, String)
prepend c = fmap (\(letters, rest) -> (c : letters, rest))

hex :: String -> Int
hex = foldl (\value digit -> value * 16 + digitToInt digit) 0

-- | Writes a JSON text.
render :: Value -> String
render value = case value of
  Null -> "null"
  Bool True -> "true"
  Bool False -> "false"
  Number digits -> digits
  String text -> quote (T.unpack text)
  Array items -> "[" ++ intercalate "," (map render items) ++ "]"
  Object entries -> "{" ++ intercalate "," [quote (T.unpack key) ++ ":" ++ render item | (key, item) <- entries] ++ "}"

quote :: String -> String
quote text = "\"" ++ concatMap escape text ++ "\""
  where
    escape '"' = "\\\""
    escape '\\' = "\\\\"
    escape c
      | ord c < 0x20 = "\\u" ++ replicate (4 - length digits) '0' ++ digits
      | otherwise = [c]
      where digits = showHex (ord c) ""
