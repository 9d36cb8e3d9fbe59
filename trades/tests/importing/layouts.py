"""Layouts of files as venues and brokers export them, with rows made up for tests.

Of each its header and how its cells are written are those of the export; every row,
id and figure is invented.
"""

IBKR_ACTIVITY = """\
Statement,Header,Field Name,Field Value
Statement,Data,BrokerName,Some Broker
Account Information,Data,Base Currency,USD
Trades,Header,DataDiscriminator,Asset Category,Currency,Symbol,Date/Time,Quantity,\
T. Price,C. Price,Proceeds,Comm/Fee,Basis,Realized P/L,MTM P/L,Code
Trades,Data,Order,Stocks,USD,ABC,"2025-03-03, 10:30:00",100,20.50,20.6,-2050,-1,2051,\
0,10,O
Trades,Data,Order,Stocks,USD,ABC,"2025-03-04, 11:00:00","-1,00",21.5,21.5,0,0,0,0,0,C
Trades,Data,Order,Stocks,USD,BRK B,"2025-03-04, 11:30:00",10,400,401,-4000,-1,4001,0,\
10,O
Trades,SubTotal,,Stocks,USD,ABC,,100,,,,,,,,
Trades,Total,,Stocks,USD,,,,,,,,,,,
Dividends,Header,Currency,Date,Description,Amount
Dividends,Data,USD,2025-03-05,ABC cash dividend,12
""".replace('"-1,00"', "-100")
IBKR_TRANSACTIONS = """\
Statement,Header,Field Name,Field Value
Statement,Data,Title,Transaction History
Summary,Data,Base Currency,USD
Transaction History,Header,Date,Account,Description,Transaction Type,Symbol,Quantity,\
Price,Gross Amount ,Commission,Net Amount
Transaction History,Data,2025-08-15,U***1,SOME FUND,Sell,ABC,-2.0,1001.00,2002.0,-3.0,\
1999.0
Transaction History,Data,2025-07-01,U***1,Cash,Credit Interest,-,-,-,13.0,-,13.0
Transaction History,Data,2025-03-15,U***1,SOME FUND,Buy,ABC,4.0,1000.0,-4000.0,-3.0,\
-4003.0
"""
IBKR_FLEX = """\
"ClientAccountID","CurrencyPrimary","Symbol","TradeID","DateTime","Quantity",\
"TradePrice","IBCommission","IBCommissionCurrency","Buy/Sell"
"U1","USD","ABC","501","20250415;093001","10","182.45","-1.00","USD","BUY"
"U1","USD","ABC","502","20250416;100000","-10","183.45","-1.00","USD","SELL"
"""
MT5_POSITIONS = """\
Trade History Report,,,,,,,,,,,,,
Name:,,,A Name,,,,,,,,,,
Account:,,,"1 (USD, Some-Demo, demo, Hedge)",,,,,,,,,,
Positions,,,,,,,,,,,,,
Time,Position,Symbol,Type,Volume,Price,S / L,T / P,Time,Price,Commission,Swap,Profit,
2025.11.14 03:42:08,901,XAUUSD,buy,0.01,4 182.78,,,2025.11.14 03:50:12,4 186.14,- 0.08,\
0.00, 3.36,
2025.11.14 04:42:08,902,XAUUSD,sell,0.02,4 190.00,4 200.00,,2025.11.14 05:50:12,\
4 192.00,- 0.16,- 0.50,- 4.00,
Orders,,,,,,,,,,,,,
Open Time,Order,Symbol,Type,Volume,Price,S / L,T / P,Time,State,,Comment,,
2025.11.14 03:42:08,901,XAUUSD,buy,0.01 / 0.01,market,,,2025.11.14 03:42:08,filled,,,,
"""
MT5_DEALS = """\
Time;Deal;Symbol;Type;Direction;Volume;Price;Order;Commission;Fee;Swap;Profit;Balance
2025.11.14 03:00:00;1;;balance;;;;;0.00;0.00;0.00;100.00;100.00
2025.11.14 03:42:08;2;EURUSD;buy;in;0.10;1.08500;11;-0.35;0.00;0.00;0.00;99.65
2025.11.14 04:42:08;3;EURUSD;sell;out;0.10;1.08600;12;-0.35;0.00;0.00;10.00;109.30
"""
TRADINGVIEW_ORDERS = """\
Symbol,Side,Type,Qty,Limit Price,Stop Price,Fill Price,Status,Commission,Leverage,\
Margin,Placing Time,Closing Time,Order ID
BINANCE:TRXUSDT.P,Buy,Market,100,,,0.25,Filled,0.01,50:1,"1,415.61 USD",\
2025-08-26 04:31:18,2025-08-26 04:31:18,9001
BINANCE:TRXUSDT.P,Sell,Limit,100,0.30,,,Cancelled,,50:1,,2025-08-26 04:32:18,\
2025-08-26 04:50:00,9002
BINANCE:TRXUSDT.P,Sell,Market,100,,,0.26,Filled,0.01,50:1,,2025-08-26 05:31:18,\
2025-08-26 05:31:18,9003
"""
TRADINGVIEW_LIST = """\
Trade #,Type,Date/Time,Signal,Price USD,Position size (qty),Net P&L USD
1,Entry long,2025-06-01 10:00,go,100.00,2,
1,Exit long,2025-06-01 14:00,stop,110.00,2,20
2,Entry short,2025-06-02 10:00,go,120.00,1,
2,Exit short,2025-06-02 14:00,stop,115.00,1,5
"""
TRADOVATE_PERFORMANCE = """\
symbol,_priceFormat,_priceFormatType,_tickSize,buyFillId,sellFillId,qty,buyPrice,\
sellPrice,pnl,boughtTimestamp,soldTimestamp,duration
MNQU5,-2,0,0.25,11,12,2,20123.25,20124.50,$5.00,09/10/2025 16:30:03,\
09/10/2025 16:30:15,12sec
MNQU5,-2,0,0.25,13,14,1,20130.00,20120.00,$(20.00),09/15/2025 16:40:15,\
09/15/2025 16:40:00,15sec
"""
TRADOVATE_FILLS = """\
_id,_orderId,_contractId,_timestamp,_tradeDate,_action,_qty,_price,_active,Fill ID,\
Order ID,Timestamp,Date,Account,B/S,Quantity,Price,Contract,Product,commission
21,31,7,2025-09-10 14:30:03.000Z,2025-09-10,0,2,20100.25,true,21,31,\
09/10/2025 10:30:03,9/10/25,A1, Buy,2,20100.25,MNQU5,MNQ,0.78
22,32,7,2025-09-10 14:35:03.000Z,2025-09-10,1,2,20110.25,true,22,32,\
09/10/2025 10:35:03,9/10/25,A1, Sell,2,20110.25,MNQU5,MNQ,0.78
"""
KRAKEN_TRADES = """\
"txid","ordertxid","pair","time","type","ordertype","price","cost","fee","vol",\
"margin","misc","ledgers"
"TA-1","OA-1","XXBTZUSD","2025-03-19 19:43:31.6798","buy","limit",54054.00000,\
540.54000,0.86486,0.01000000,0.00000,"","L1,L2"
"TA-2","OA-2","XXBTZUSD","2025-03-20 19:43:31.6798","sell","limit",55000.00000,\
550.00000,0.88000,0.01000000,0.00000,"","L3,L4"
"""
COINBASE_FILLS = """\
portfolio,trade id,product,side,created at,size,size unit,price,fee,total,\
price/fee/total unit
default,701,BTC-USD,BUY,2025-09-01T12:34:01.123Z,0.1,BTC,65000,6.5,-6506.5,USD
default,702,BTC-USD,SELL,2025-09-02T08:00:00Z,0.1,BTC,66000,6.6,6593.4,USD
"""
COINBASE_TRANSACTIONS = """\

Transactions
User,A Name,00000000
ID,Timestamp,Transaction Type,Asset,Quantity Transacted,Price Currency,\
Price at Transaction,Subtotal,Total (inclusive of fees and/or spread),\
Fees and/or Spread,Notes
c1,2025-03-01 12:00:00 UTC,Buy,BTC,0.10000000,USD,"$60,000.00","$6,000.00",\
"$6,010.00",$10.00,Bought
c2,2025-03-02 12:00:00 UTC,Send,BTC,-0.01000000,USD,"$60,000.00",$600.00,$600.00,\
$0.00,Sent
c3,2025-03-03 12:00:00 UTC,Sell,BTC,-0.05000000,USD,"$61,000.00","$3,050.00",\
"$3,040.00",$10.00,Sold
"""
BYBIT_CLOSED = """\
Contracts,Closing Direction,Qty,Entry Price,Exit Price,Closed P&L,Exit Type,\
Trade Time(UTC+0)
BTCUSDT,Sell,0.01,60000,60500,4.3,Trade,2025-12-01 15:00:00
"""
BYBIT_CLOSED_TWICE = """\
Contracts,Closing Direction,Entry Price,Exit Price,Qty,Closed P&L,Fee,Open Time,\
Closed Time
SOLUSDT,Close Long,142.50,154.20,10.0,116.50,0.50,2025-08-27 12:00:00,\
2025-08-27 16:30:00
SOLUSDT,Close Short,150.00,149.00,10.0,9.50,0.50,2025-08-28 12:00:00,\
2025-08-28 16:30:00
"""
BYBIT_UTA = """\
UID: 1,Company Name: ,Country:
Uid,Currency,Contract,Type,Direction,Quantity,Position,Filled Price,Funding,Fee Paid,\
Cash Flow,Change,Wallet Balance,Action,Time(UTC)
1,USDT,ETHUSDT,TRADE,BUY,0.10000000000000000000,0.1,2000.00000000000000000000,0,\
-0.11,0,-0.11,1000,--,2025-01-10 10:00:00
1,USDT,ETHUSDT,SETTLEMENT,BUY,0.1,0.1,2000,-0.01,0,0,-0.01,1000,--,2025-01-10 16:00:00
1,USDT,ETHUSDT,TRADE,SELL,-0.10000000000000000000,0,2020.00000000000000000000,0,\
-0.11,2,1.89,1002,--,2025-01-10 18:00:00
1,USDT,,TRANSFER_OUT,--,0,0,0,0,0,-10,-10,992,--,2025-01-10 19:00:00
"""
BYBIT_EXECUTIONS = """\
Order No,Symbol,Side,Avg. Filled Price,Filled Qty,Total,Fee,Fee Currency,Order Time
e1,ETHUSDT,Buy,2000,0.1,200,0.0001,ETH,2025-01-10 10:00:00
e2,ETHUSDT,Sell,2020,0.0999,201.798,0.2,USDT,2025-01-11 10:00:00
"""
EUROPEAN = """\
Wertpapier;Richtung;Stueck;Kurs Einstieg;Zeit Einstieg;Kurs Ausstieg;Zeit Ausstieg
SAP;Kauf;1.000;120,50;02.03.2025 09:15;121,75;13.03.2025 10:45
"""
IBKR_FLEX_DAYS = """\
"Symbol","CurrencyPrimary","TradeID","TradeTime","TradeDate","Buy/Sell","Quantity",\
"TradePrice","IBCommission","IBCommissionCurrency","Multiplier","Proceeds"
"ABC","USD","501","09:30:01","2025-04-15","BUY","10","182.45","-1.00","USD","1","-1824.5"
"ABC","USD","502","10:00:00","2025-04-16","SELL","-10","183.45","-1.00","USD","1","1834.5"
"ABC 20JUN25 25 C","USD","503","10:00:00","2025-04-16","BUY","2","1.25","-1.40","USD",\
"100","-250"
"ABC 20JUN25 25 C","USD","504","11:00:00","2025-04-17","SELL","-2","1.5","-1.40","USD",\
"100","300"
"""
BYBIT_CLOSED_FEES = """\
Market,Order Type,Direction,Qty,Entry Price,Exit Price,Realized P&L,Opening Fee,\
Closing Fee,Funding Fee,Entry Time,Exit Time
BTCUSDT,Market,Long,0.01,60000,60500,4.24,0.33,0.33,-0.1,2025-12-01 15:00:00,\
2025-12-01 19:00:00
"""
TWICE_AND_A_HEADER = """\
id,time,symbol,side,qty,price,fee
1,2025-01-02 10:00:00,ABCUSD,buy,1,100,0.1
2,2025-01-03 10:00:00,ABCUSD,sell,1,110,0.1
id,time,symbol,side,qty,price,fee
1,2025-01-02 10:00:00,ABCUSD,buy,1,100,0.1
2,2025-01-03 10:00:00,ABCUSD,sell,1,110,0.1
"""
