{-# LANGUAGE OverloadedStrings #-}
-- | Statistics of carriers: pure functions, from text to text.
module Carriers (statistics) where

import Data.List (sort)
import qualified Data.Map.Strict as Map
import qualified Data.Text as T
import qualified Data.Text.Read as T

-- | From airlines and flights as CSV to a table of carriers: how many flew and were cancelled, and the mean (in
-- tenths of a minute) and the median of their departure delays.
statistics :: T.Text -> T.Text -> Either String T.Text
statistics airlines flights = do
  (header, rows) <- maybe (Left "the flights are empty") Right (uncons' flights)
  carrier <- column "carrier" header
  delay <- column "dep_delay" header
  found <- mapM (flight carrier delay) rows
  let names = Map.fromList [(code, name) | line <- drop 1 (T.lines airlines), (code, name) <- [T.breakOn "," line]]
      delays = Map.fromListWith (flip (++)) [(code, [late]) | (code, late) <- found]
  pure (T.unlines ("carrier,name,flights,cancelled,mean_delay,median_delay" : map (line names) (Map.toAscList delays)))
  where
    uncons' text = case T.lines text of
      [] -> Nothing
      first : rest -> Just (T.splitOn "," first, rest)
    line names (code, late) =
      let flew = sort [minutes | Just minutes <- late]
          n = length flew
          mean = if n == 0 then "NA" else shown ((toInteger (sum flew) * 10) `divRound` toInteger n)
          median = if n == 0 then "NA" else shown (toInteger (flew !! (n `div` 2)))
       in T.intercalate "," [code, T.drop 1 (Map.findWithDefault ",?" code names), shown (toInteger (length late)),
                             shown (toInteger (length late - n)), mean, median]
    shown :: Integer -> T.Text
    shown = T.pack . show
    divRound a b = (2 * a + b) `div` (2 * b) :: Integer

column :: T.Text -> [T.Text] -> Either String Int
column name header = case lookup name (zip header [0 ..]) of
  Just at -> Right at
  Nothing -> Left ("the flights have no column `" ++ T.unpack name ++ "`")

flight :: Int -> Int -> T.Text -> Either String (T.Text, Maybe Integer)
flight carrier delay row
  | length fields <= max carrier delay = Left ("a flight without all columns: " ++ T.unpack row)
  | fields !! delay == "NA" = Right (fields !! carrier, Nothing)
  | otherwise = case T.signed T.decimal (fields !! delay) of
      Right (minutes, "") -> Right (fields !! carrier, Just minutes)
      _ -> Left ("a delay that is no number: " ++ T.unpack row)
  where fields = T.splitOn "," (T.filter (/= '\r') row)
